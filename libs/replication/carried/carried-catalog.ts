import { createHash } from 'node:crypto';
import { equalBytes } from '#runtime';
import type { GrowingFile } from '#targets';
import { carriedAltered } from './carried-errors.ts';
import type { CarriedSource } from './carried-folder.ts';

/** The largest batch that a catalog takes, and then some: what is longer is no batch. */
const batchBytesMax = 1024 * 1024;
const stepBytes = 4 * 1024 * 1024;

/** Writes batches, each behind its length; returns what the manifest says of the file. */
export async function writeBatches(file: GrowingFile, batches: AsyncIterable<Uint8Array>) {
  const hash = createHash('sha256');
  for await (const batch of batches) {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(batch.length);
    hash.update(head).update(batch);
    await file.append([head, batch]);
  }
  return { bytes: file.length, sha256: new Uint8Array(hash.digest()) };
}

/** Gives the batches of a file, about 4 MiB at a time, after all of it was found to be what was signed. Throws `carried_altered`. */
export async function* readBatches(
  source: CarriedSource,
  path: string,
  bytes: number,
  sha256: Uint8Array,
): AsyncGenerator<Uint8Array[]> {
  if ((await source.size(path)) !== bytes) throw carriedAltered('its catalog is missing or of another size');
  const hash = createHash('sha256');
  for (let at = 0; at < bytes; at += stepBytes)
    hash.update(await source.read(path, at, Math.min(stepBytes, bytes - at)));
  if (!equalBytes(new Uint8Array(hash.digest()), sha256)) throw carriedAltered('its catalog is not the one it had');
  let batches: Uint8Array[] = [];
  let gathered = 0;
  for (let at = 0; at < bytes; ) {
    const head = await source.read(path, at, 4);
    const length = head.length < 4 ? 0 : Buffer.from(head).readUInt32LE();
    if (length === 0 || length > batchBytesMax) throw carriedAltered('its catalog cannot be read');
    const batch = await source.read(path, at + 4, length);
    if (batch.length < length) throw carriedAltered('its catalog ends in the middle');
    batches.push(batch);
    at += 4 + length;
    gathered += length;
    if (gathered < stepBytes && at < bytes) continue;
    yield batches;
    [batches, gathered] = [[], 0];
  }
}
