import { assert } from '#runtime';

/** Crockford's alphabet: no I, L, O or U. A character's place is its value. */
export const base32Alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Five bits a character, most significant first; only for lengths that come out even (multiples of 5 bytes). */
export function encodeBase32(bytes: Uint8Array): string {
  assert(bytes.length % 5 === 0, 'base32 without padding takes multiples of 5 bytes');
  let text = '';
  for (let at = 0; at < bytes.length; at += 5) {
    const [a, b, c, d, e] = bytes.subarray(at, at + 5);
    const high = a! * 2 ** 12 + b! * 2 ** 4 + (c! >> 4); // 20 bits each, within what shifts can take
    const low = (c! & 15) * 2 ** 16 + d! * 2 ** 8 + e!;
    for (const half of [high, low]) {
      for (const shift of [15, 10, 5, 0]) text += base32Alphabet[(half >> shift) & 31];
    }
  }
  return text;
}

/** The value of one character: in either case, O read as 0, I and L as 1. Undefined for any other. */
export function base32Value(character: string): number | undefined {
  const upper = character.toUpperCase().replace('O', '0').replace(/[IL]/, '1');
  const value = upper.length === 1 ? base32Alphabet.indexOf(upper) : -1;
  return value < 0 ? undefined : value;
}

/** Bytes of values of five bits each; the count of values is a multiple of 8. */
export function bytesOfBase32(values: readonly number[]): Uint8Array {
  assert(values.length % 8 === 0, 'base32 without padding comes in eights');
  const bytes = new Uint8Array((values.length / 8) * 5);
  for (const [i, value] of values.entries()) {
    const bit = i * 5;
    const pair = value << (11 - (bit % 8));
    bytes[bit >> 3]! |= pair >> 8;
    if ((bit >> 3) + 1 < bytes.length) bytes[(bit >> 3) + 1]! |= pair & 255;
  }
  return bytes;
}
