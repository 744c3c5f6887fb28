import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { systemCode } from '#runtime';
import { indexDamaged } from './store-errors.ts';

// Where LMDB's two meta pages keep what tells a whole file from a cut or foreign one (mdb.c: MDB_page, MDB_meta).
const magicOffset = 24;
const magic = 0xbeefc0de;
const pageBytesOffset = 48;
const lastPageOffset = 144;
const transactionOffset = 152;
const metaBytes = 160;

/**
 * Refuses (`index_damaged`) a file that LMDB would map and die of: it trusts its pages, and a page that is not there
 * ends the process with a signal. No file, or an empty one, is a new index.
 */
export function assertLmdbFile(path: string): void {
  const descriptor = openOrNothing(path);
  if (descriptor === undefined) return;
  try {
    const { size } = fstatSync(descriptor);
    if (size === 0) return;
    const first = metaAt(descriptor, 0);
    const second = metaAt(descriptor, first.pageBytes);
    const newest = first.transaction > second.transaction ? first : second;
    if (newest.pages * newest.pageBytes > size) throw indexDamaged(`${path} was cut`);
  } finally {
    closeSync(descriptor);
  }
}

function metaAt(descriptor: number, offset: number) {
  const bytes = Buffer.alloc(metaBytes);
  const read = readSync(descriptor, bytes, 0, metaBytes, offset);
  if (read < metaBytes || bytes.readUInt32LE(magicOffset) !== magic) throw indexDamaged('it is not a file of LMDB');
  return {
    pageBytes: bytes.readUInt32LE(pageBytesOffset),
    pages: Number(bytes.readBigUInt64LE(lastPageOffset)) + 1,
    transaction: bytes.readBigUInt64LE(transactionOffset),
  };
}

function openOrNothing(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
