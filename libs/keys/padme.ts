import { assert } from '#runtime';

/** Lengths above this cannot be rounded up within exact integers. */
const lengthMax = 2 ** 52;

/**
 * The length to which `length` bytes are padded so that outsiders learn little of the true one: at most 12 % more (from
 * 1 MiB on at most 3.2 %), and lengths up to L leak O(log log L) bits. Padmé: Nikitin et al., "Reducing Metadata
 * Leakage from Encrypted Files and Communication with PURBs", PETS 2019, algorithm 1.
 */
export function padmeLength(length: number): number {
  assert(Number.isSafeInteger(length) && length >= 0 && length <= lengthMax, 'a length is a count of bytes');
  if (length < 2) return length;
  const exponent = bitLength(length) - 1;
  const mantissaBits = bitLength(exponent);
  const step = 2 ** (exponent - mantissaBits);
  return Math.max(length, Math.ceil(length / step) * step);
}

/** Position of the highest set bit, counted from 1; exact where Math.log2 rounds. */
function bitLength(value: number): number {
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 64 - Math.clz32(Math.floor(value / 2 ** 32));
}
