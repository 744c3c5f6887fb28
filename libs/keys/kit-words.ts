import { wordlist } from '@scure/bip39/wordlists/english.js';
import { assert, equalBytes } from '#runtime';
import { sha256 } from './hashing.ts';
import { KeysError } from './keys-error.ts';
import { type KitSeed, kitSeedBytes } from './recovery-kit.ts';

const wordBits = 11;
const kitWordCount = 24;

/**
 * The first `count` words of the BIP39 English list that the bits of `bytes` name, 11 bits a word.
 */
export function wordsOf(bytes: Uint8Array, count: number): string[] {
  assert(bytes.length * 8 >= count * wordBits, 'enough bits for the words');
  return Array.from({ length: count }, (_, i) => {
    let value = 0;
    for (let bit = i * wordBits; bit < (i + 1) * wordBits; bit++)
      value = value * 2 + ((bytes[bit >> 3]! >> (7 - (bit & 7))) & 1);
    return wordlist[value]!;
  });
}

/**
 * The kit as 24 words: 256 bits of seed and a check byte, as BIP39 has them. With a passphrase the check byte is
 * inverted, so that the words themselves say it.
 */
export function kitWords(kit: KitSeed): string[] {
  const bytes = new Uint8Array(kitSeedBytes + 1);
  bytes.set(kit.seed);
  bytes[kitSeedBytes] = checkByte(kit.seed, kit.passphraseNeeded);
  return wordsOf(bytes, kitWordCount);
}

/** Reads 24 words in any case. Throws KeysError 'kit_unreadable', which names the wrong word where it can. */
export function parseKitWords(words: readonly string[]): KitSeed {
  const bytes = new Uint8Array(kitSeedBytes + 1);
  for (const [i, word] of words.entries()) {
    const value = wordlist.indexOf(word.toLowerCase());
    if (value < 0) throw unknownWord(i + 1, word);
    if (i >= kitWordCount) continue;
    for (let bit = 0; bit < wordBits; bit++) {
      const at = i * wordBits + bit;
      bytes[at >> 3]! |= ((value >> (wordBits - 1 - bit)) & 1) << (7 - (at & 7));
    }
  }
  if (words.length !== kitWordCount) {
    throw unreadable(
      `a kit has ${kitWordCount} words, not ${words.length}`,
      'Look for a word left out or written twice.',
    );
  }
  const seed = bytes.slice(0, kitSeedBytes);
  for (const passphraseNeeded of [false, true]) {
    if (bytes[kitSeedBytes] === checkByte(seed, passphraseNeeded)) return { seed, passphraseNeeded };
  }
  const message = 'each of the 24 words is in the list, but together they do not fit';
  throw unreadable(message, 'Look for two words in the wrong order, or one that was read as a similar one.');
}

export function sameKitSeed(a: KitSeed, b: KitSeed): boolean {
  return equalBytes(a.seed, b.seed) && a.passphraseNeeded === b.passphraseNeeded;
}

export function isKitWord(word: string): boolean {
  return wordlist.includes(word.toLowerCase());
}

export function unreadable(message: string, advice: string): KeysError {
  return new KeysError('kit_unreadable', message, advice);
}

function checkByte(seed: Uint8Array, passphraseNeeded: boolean): number {
  return sha256(seed)[0]! ^ (passphraseNeeded ? 0xff : 0);
}

function unknownWord(place: number, word: string): KeysError {
  const similar = similarWords(word.toLowerCase());
  const advice = similar.length > 0 ? `Did you mean ${similar.join(' or ')}?` : 'Compare it with the paper.';
  return unreadable(`word ${place}, "${word.slice(0, 20)}", is not in the list of words`, advice);
}

/** Up to three words of the list that begin as `word` does: no two words share their first four letters. */
function similarWords(word: string): string[] {
  for (let length = Math.min(word.length, 8); length >= 2; length--) {
    const similar = wordlist.filter((one) => one.startsWith(word.slice(0, length)));
    if (similar.length > 0) return similar.slice(0, 3);
  }
  return [];
}
