import { treeLimits } from './tree-limits.ts';

/** True when a part of `count` items ends before an item of this hash: so a cut moves only where content changed. */
export function cutsBefore(count: number, hash: Uint8Array): boolean {
  if (count >= treeLimits.partMax) return true;
  return count >= treeLimits.partMin && isCutHash(hash);
}

/** The first four bytes, big-endian, are 0 modulo 1024: only the low ten bits count. An empty hash (zeros) never cuts. */
export function isCutHash(hash: Uint8Array): boolean {
  return hash.length >= 4 && ((((hash[2] as number) << 8) | (hash[3] as number)) & (treeLimits.cutModulus - 1)) === 0;
}

/** Cuts `items` into parts by the hash of each. */
export function cutParts<T>(items: readonly T[], hashOf: (item: T) => Uint8Array): T[][] {
  const parts: T[][] = [];
  let part: T[] = [];
  for (const item of items) {
    if (cutsBefore(part.length, hashOf(item))) {
      parts.push(part);
      part = [];
    }
    part.push(item);
  }
  if (part.length > 0) parts.push(part);
  return parts;
}
