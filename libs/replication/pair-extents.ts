import type { Extent } from '#model';
import { toHex } from '#runtime';

/** How far around its own place the earlier version of a chunk may begin or end: a mean chunk's third. */
const slackBytes = 128 * 1024;
/** A changed stretch of at most this much is looked at whole: wherever something went, it is in there. */
const wholeStretchBytes = 1024 * 1024;

interface Placed {
  readonly hash: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** A chunk of the newer version that the older one lacks, and the older one's chunks where it would have been. */
export interface PairedChunk {
  readonly hash: Uint8Array;
  readonly earlier: readonly Uint8Array[];
}

/**
 * Pairs the chunks of a file's new version with those of its old one. Chunks that both have are anchors: what lies between
 * two of them was made from what lay between the same two before, though everything may have moved. Within such a stretch the
 * place counts, from its beginning and from its end. Memory: both lists once more.
 */
export function pairExtents(older: readonly Extent[], newer: readonly Extent[]): PairedChunk[] {
  const [before, after] = [placed(older), placed(newer)];
  const known = new Map(before.map((chunk, index) => [toHex(chunk.hash), index]));
  const anchorAt = (index: number) => known.get(toHex((after[index] as Placed).hash));
  const pairs: PairedChunk[] = [];
  let from = 0;
  for (let start = 0; start < after.length; ) {
    const anchor = anchorAt(start);
    if (anchor !== undefined) {
      from = anchor + 1;
      start += 1;
      continue;
    }
    let end = start + 1;
    while (end < after.length && anchorAt(end) === undefined) end += 1;
    const next = end < after.length ? anchorAt(end) : before.length;
    pairStretch(pairs, { before, from, to: Math.max(from, next ?? from) }, after.slice(start, end));
    start = end;
  }
  return pairs;
}

/** Chunks of the older version from one index to another, exclusive. */
interface Stretch {
  readonly before: readonly Placed[];
  readonly from: number;
  readonly to: number;
}

function pairStretch(pairs: PairedChunk[], stretch: Stretch, after: readonly Placed[]): void {
  const { before, from, to } = stretch;
  const [oldStart, oldEnd] = from < to ? [before[from]?.start ?? 0, before[to - 1]?.end ?? 0] : [0, 0];
  const [newStart, newEnd] = [after[0]?.start ?? 0, after.at(-1)?.end ?? 0];
  // What was put in, at the front, or added at the end, is often like what is beside it.
  const beside = before[Math.max(from, to, 1) - 1];
  for (const { hash, start, end } of after) {
    const near = new Set<Placed>();
    if (oldEnd - oldStart <= wholeStretchBytes) addNear(near, stretch, oldStart, oldEnd);
    else {
      addNear(near, stretch, start - newStart + oldStart - slackBytes, end - newStart + oldStart + slackBytes);
      addNear(near, stretch, start - newEnd + oldEnd - slackBytes, end - newEnd + oldEnd + slackBytes);
    }
    if (near.size === 0 && beside !== undefined) near.add(beside);
    pairs.push({ hash, earlier: [...near].map((old) => old.hash) });
  }
}

/** Adds the stretch's chunks that overlap the bytes from `start` to `end`: found by halving, for a stretch may be long. */
function addNear(near: Set<Placed>, { before, from, to }: Stretch, start: number, end: number): void {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((before[middle] as Placed).end <= start) low = middle + 1;
    else high = middle;
  }
  for (let index = low; index < to && (before[index] as Placed).start < end; index++) near.add(before[index] as Placed);
}

/** Runs of zeros only take up room. */
function placed(extents: readonly Extent[]): Placed[] {
  const chunks: Placed[] = [];
  let start = 0;
  for (const { chunkHash, length } of extents) {
    if (chunkHash.length > 0) chunks.push({ hash: chunkHash, start, end: start + length });
    start += length;
  }
  return chunks;
}
