import { hkdfSync } from 'node:crypto';
import { assert } from '#runtime';

/** Part of the format: another text gives other chunks. */
const tableLabel = 'sitepair gear table v1';

/** 256 entries of 8 bytes, least significant byte first. */
const tableBytes = 256 * 8;

/** The gear table of a domain as it lies in memory: HKDF-SHA-256 (RFC 5869) of its 32-byte chunker key, no salt. */
export function gearTable(chunkerKey: Uint8Array): Uint8Array {
  assert(chunkerKey.length === 32, 'a chunker key has 32 bytes');
  return new Uint8Array(hkdfSync('sha256', chunkerKey, new Uint8Array(0), tableLabel, tableBytes));
}
