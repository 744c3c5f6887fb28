import { linkSync, renameSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { equalBytes, makeFolderDurably, removeFileDurably, syncFolder, systemCode, writeFileDurably } from '#runtime';
import { sha256 } from '#wire';
import { decodeSignedBatch } from './batch.ts';
import type { Chain, Chains } from './chains.ts';
import { type LogName, LogReader, logPath, readBlocks, truncateLog, writingLog } from './log-files.ts';
import { encodeFrame, type FoundPart, scanFrames } from './log-frame.ts';

/** What a look at every byte of a log has found. */
export interface LogCheck {
  readonly name: LogName;
  readonly state: 'whole' | 'tail_cut' | 'damaged';
  /** Bytes that are no frame. */
  readonly badBytes: number;
}

/**
 * Looks at every byte of a log as it is opened. What was never acknowledged is cut off its end. Where something that was
 * acknowledged is missing or damaged, the log is put aside under `.damaged-SEQ` and what is good of it written anew: the
 * chain must reach SEQ again, from a peer, before this site goes on with it.
 */
export async function checkLog(folder: string, name: LogName, chains: Chains): Promise<LogCheck> {
  const path = logPath(folder, name);
  const chain = chains.find(name.siteId, name.incarnationId);
  const { size } = statSync(path);
  const bad: FoundPart[] = [];
  let goodAfterBad = false;
  for await (const part of scanFrames(readBlocks(path))) {
    if (part.signedBytes === undefined) bad.push(part);
    else if (bad.length > 0) goodAfterBad = true;
  }
  const badBytes = bad.reduce((sum, part) => sum + part.length, 0);
  const acknowledged = chain?.logBytes ?? 0;
  const firstBad = bad[0]?.offset ?? size;
  const isTail = firstBad >= acknowledged && !goodAfterBad;
  if (isTail && acknowledged <= size && (chain === undefined || (await hasTips(path, chain, chains)))) {
    if (bad.length === 0) return { name, state: 'whole', badBytes };
    await truncateLog(path, firstBad);
    return { name, state: 'tail_cut', badBytes };
  }
  await putAside(path, chain?.tips.at(-1)?.seq ?? 0);
  return { name, state: 'damaged', badBytes };
}

/** True when the log still has the ends of its chain where the index says. */
async function hasTips(path: string, chain: Chain, chains: Chains): Promise<boolean> {
  await using reader = await LogReader.open(path);
  for (const tip of chain.tips) {
    const place = chains.batchAt(chain, tip);
    if (place === undefined) return false;
    const signedBytes = await reader.readIfGood(place);
    if (signedBytes === undefined) return false;
    if (!equalBytes(sha256(decodeSignedBatch(signedBytes).batchBytes), tip.hash)) return false;
  }
  return true;
}

function putAside(path: string, knownSeq: number): Promise<void> {
  return writingLog(path, () => putAsideUntold(path, knownSeq));
}

async function putAsideUntold(path: string, knownSeq: number): Promise<void> {
  const fresh = `${path}.new`;
  let expectedSeq = knownSeq;
  await using handle = await open(fresh, 'w', 0o600);
  for await (const part of scanFrames(readBlocks(path))) {
    if (part.signedBytes === undefined) continue;
    expectedSeq = Math.max(expectedSeq, decodeSignedBatch(part.signedBytes).seq);
    await handle.writeFile(encodeFrame(part.signedBytes));
  }
  await handle.sync();
  const aside = `${path}.damaged-${expectedSeq}`;
  try {
    linkSync(path, aside);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
  renameSync(fresh, path);
  syncFolder(dirname(path));
}

/** Notes that the log of a chain the index knows has gone: nothing is left of it to put aside. */
export function noteLost(path: string, expectedSeq: number): void {
  makeFolderDurably(dirname(path));
  writeFileDurably(`${path}.damaged-${expectedSeq}`, '');
}

/** Removes what was put aside, once its chain is whole again. */
export function forgetDamage(path: string): void {
  removeFileDurably(path);
}
