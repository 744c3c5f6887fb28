import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#runtime';
import { base32Alphabet, encodeBase32 } from './base32.ts';
import { kitCode, parseKitCode } from './kit-code.ts';

const kits = fc
  .tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.boolean())
  .map(([seed, passphraseNeeded]) => ({ seed: new Uint8Array(seed), passphraseNeeded }));
const kit = { seed: new Uint8Array(32).map((_, i) => i * 7), passphraseNeeded: true };
const unreadable = (message: RegExp) => (error: unknown) =>
  isAppError(error, 'kit_unreadable') && message.test(error.message);

test('base32 is that of Crockford', () => {
  assert.equal(encodeBase32(new Uint8Array([0, 0x44, 0x32, 0x14, 0xc7])), '01234567');
  assert.equal(encodeBase32(new Uint8Array(5).fill(0xff)), 'ZZZZZZZZ');
});

test('a code is 14 groups of five and comes back as the kit, flag included', () => {
  fc.assert(
    fc.property(kits, (one) => {
      const code = kitCode(one);
      assert.match(code, /^([0-9A-HJKMNP-TV-Z]{5}-){13}[0-9A-HJKMNP-TV-Z]{5}$/);
      assert.deepEqual(parseKitCode(code), one);
    }),
  );
});

test('a code is read in lower case, with O and I and L, and with any separators or none', () => {
  const code = kitCode(kit);
  const forms = [
    code.toLowerCase(),
    code.replaceAll('0', 'o').replaceAll('1', 'l'),
    code.replaceAll('0', 'O').replaceAll('1', 'I'),
    code.replaceAll('-', ' '),
    code.replaceAll('-', ''),
    code.replaceAll('-', ' – '),
    `\n ${code.replaceAll('-', '\n')}\n`,
  ];
  for (const form of forms) assert.deepEqual(parseKitCode(form), kit, form);
});

test('every single misread character is seen, and its group is named', () => {
  const code = kitCode(kit);
  for (let at = 0; at < code.length; at++) {
    if (code[at] === '-') continue;
    for (const character of base32Alphabet) {
      if (character === code[at]) continue;
      const changed = code.slice(0, at) + character + code.slice(at + 1);
      assert.throws(
        () => parseKitCode(changed),
        unreadable(new RegExp(`^group ${Math.floor(at / 6) + 1} of the code`)),
      );
    }
  }
});

test('any two groups in each other’s place are seen', () => {
  const groups = kitCode(kit).split('-');
  for (let i = 0; i < 14; i++) {
    for (let j = i + 1; j < 14; j++) {
      const swapped = groups.with(i, groups[j]!).with(j, groups[i]!).join('-');
      assert.throws(() => parseKitCode(swapped), unreadable(new RegExp(`^group ${i + 1} of the code`)));
    }
  }
});

test('a code cut at any length is refused, and says which group or how many', () => {
  const code = kitCode(kit);
  for (let length = 0; length < code.length; length++) {
    assert.throws(
      () => parseKitCode(code.slice(0, length)),
      unreadable(/^(group \d+ of the code|a code has 14 groups)/),
    );
  }
  assert.throws(() => parseKitCode(`${code}-00000`), unreadable(/not 15/));
});

test('a character that no code has is shown', () => {
  const code = kitCode(kit);
  assert.throws(() => parseKitCode(`U${code.slice(1)}`), unreadable(/group 1 .* has a "U"/));
  assert.throws(() => parseKitCode(`💥${code.slice(1)}`), unreadable(/group 1 /));
});

test('a group left too short is named, and not the ones after it', () => {
  const groups = kitCode(kit).split('-');
  assert.throws(() => parseKitCode(groups.with(4, groups[4]!.slice(1)).join('-')), unreadable(/^group 5 /));
});
