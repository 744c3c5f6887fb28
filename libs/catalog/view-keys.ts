import { concatBytes } from '#runtime';

/** The first byte of a key in the views. Rows below 32 describe the logs, the others are projections of them. */
export const Table = {
  chain: 1,
  batch: 2,
  site: 3,
  vouch: 4,
  described: 32,
  keyring: 33,
  dataset: 34,
  snapshotOrder: 36,
  snapshotTime: 37,
  copy: 38,
  agent: 39,
  statement: 40,
  keyRotated: 41,
  realm: 42,
  counts: 43,
  // Not by author: these end with the author, and rows of an author's past generation are passed over.
  snapshot: 64,
  datasetByName: 65,
  copyBySnapshot: 66,
} as const;
export type Table = (typeof Table)[keyof typeof Table];

/** A key: the table and the parts, one after the other; memcmp order of keys is the order of the parts. */
export function keyOf(table: Table, ...parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes([new Uint8Array([table]), ...parts]);
}

/** 4 bytes, big-endian. */
export function order32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}

/** 8 bytes, big-endian, in the order of the integers from -2^53 on. */
export function order64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value) + 0x8000_0000_0000_0000n, 0);
  return bytes;
}

/** A name as part of a key: ended by a zero byte, which no name has. */
export function orderName(name: string): Uint8Array {
  return new Uint8Array(Buffer.from(`${name}\0`, 'utf8'));
}
