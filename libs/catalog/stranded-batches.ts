import { existsSync } from 'node:fs';
import { isAppError } from '#runtime';
import { decodeSignedBatch } from './batch.ts';
import type { Chains } from './chains.ts';
import { type LogName, logPath, readBlocks } from './log-files.ts';
import { scanFrames } from './log-frame.ts';

/**
 * Batches that lie whole in a damaged log and do not count, since one before them is lost. Perhaps nobody else has them: a
 * bit that flips under one batch must not cost those behind it, once a peer has given it back.
 */
export async function strandedBatches(folder: string, name: LogName, chains: Chains): Promise<Uint8Array[]> {
  const path = logPath(folder, name);
  if (!existsSync(path)) return [];
  const stranded: Uint8Array[] = [];
  for await (const { signedBytes } of scanFrames(readBlocks(path))) {
    if (signedBytes !== undefined && !isHeld(signedBytes, chains)) stranded.push(new Uint8Array(signedBytes));
  }
  return stranded;
}

function isHeld(signedBytes: Uint8Array, chains: Chains): boolean {
  try {
    const batch = decodeSignedBatch(signedBytes);
    const chain = chains.find(batch.siteId, batch.incarnationId);
    return chain !== undefined && chains.has(chain, batch);
  } catch (error) {
    if (!isAppError(error)) throw error;
    // What damage made look like a frame is looked at, and refused, as if a peer had sent it.
    return false;
  }
}
