import type { Level } from './levels.ts';

/** Sorted by link, then by kind (a level, or events), then by time. */
export function historyKey(link: Uint8Array, kind: number, at: number): Buffer {
  const key = Buffer.alloc(link.length + 1 + 8);
  key.set(link);
  key[link.length] = kind;
  key.writeBigUInt64BE(BigInt(at), link.length + 1);
  return key;
}

/** All keys of one kind of a link; the last one is behind any time. */
export function kindRange(link: Uint8Array, kind: number): { readonly start: Buffer; readonly end: Buffer } {
  return { start: historyKey(link, kind, 0), end: historyKey(link, kind, 0).fill(0xff, link.length + 1) };
}

/** The time that stands in a key. */
export function timeOf(key: Uint8Array): number {
  return Number(Buffer.from(key).readBigUInt64BE(key.length - 8));
}

/** The number of the block of a level that a second lies in, and its step there. */
export function placeOf({ stepSeconds, stepsPerBlock }: Level, second: number) {
  const step = Math.floor(second / stepSeconds);
  const block = Math.floor(step / stepsPerBlock);
  return { block, step: step - block * stepsPerBlock };
}
