import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entropyToMnemonic, mnemonicToEntropy, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import fc from 'fast-check';
import { isAppError } from '#runtime';
import { kitWords, parseKitWords } from './kit-words.ts';

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
const zero = { seed: new Uint8Array(32), passphraseNeeded: false };
const unreadable = (message: RegExp) => (error: unknown) =>
  isAppError(error, 'kit_unreadable') && (message.test(error.message) || message.test(error.advice));

test('the words of a kit without a passphrase are those of BIP39', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const words = kitWords({ seed, passphraseNeeded: false });
      assert.equal(words.join(' '), entropyToMnemonic(seed, wordlist));
      assert.deepEqual(mnemonicToEntropy(words.join(' '), wordlist), new Uint8Array(seed));
    }),
    { numRuns: 30 },
  );
});

test('the words say whether a passphrase is needed, and only the last word differs by it', () => {
  fc.assert(
    fc.property(seeds, fc.boolean(), (seed, passphraseNeeded) => {
      const kit = { seed: new Uint8Array(seed), passphraseNeeded };
      const words = kitWords(kit);
      assert.deepEqual(parseKitWords(words), kit);
      assert.equal(validateMnemonic(words.join(' '), wordlist), !passphraseNeeded);
      assert.deepEqual(words.slice(0, 23), kitWords({ ...kit, passphraseNeeded: !passphraseNeeded }).slice(0, 23));
    }),
    { numRuns: 30 },
  );
});

test('words are read in any case', () => {
  assert.deepEqual(parseKitWords(kitWords(zero).map((word) => word.toUpperCase())), zero);
});

test('a word that is not in the list is named by its place, with what it may have been', () => {
  const words = kitWords(zero);
  words[6] = 'abandom';
  assert.throws(() => parseKitWords(words), unreadable(/word 7, "abandom"/));
  assert.throws(() => parseKitWords(words), unreadable(/Did you mean abandon/));
  words[6] = 'qqq';
  assert.throws(() => parseKitWords(words), unreadable(/word 7, "qqq"/));
});

test('a word too few or too many is counted', () => {
  const words = kitWords(zero);
  assert.throws(() => parseKitWords(words.slice(1)), unreadable(/24 words, not 23/));
  assert.throws(() => parseKitWords([...words, 'zoo']), unreadable(/24 words, not 25/));
  assert.throws(() => parseKitWords([]), unreadable(/24 words, not 0/));
});

test('of all single exchanged words, at most one in a hundred goes unseen', () => {
  // 8 bits of check, of which two values are good: 1 in 128 must be expected.
  const words = kitWords({ seed: new Uint8Array(32).fill(0x5a), passphraseNeeded: true });
  let unseen = 0;
  for (const word of wordlist) {
    const changed = words.with(3, word);
    try {
      if (changed[3] !== words[3] && parseKitWords(changed)) unseen++;
    } catch (error) {
      assert.ok(unreadable(/together they do not fit/)(error));
    }
  }
  assert.ok(unseen <= 24, `${unseen} of 2047`);
});
