import assert from 'node:assert/strict';
import { test } from 'node:test';
import QRCode from 'qrcode';
import { isAppError, toHex } from '#runtime';
import { kitCode } from './kit-code.ts';
import { parseKit, writeKitText } from './kit-text.ts';
import { kitWords } from './kit-words.ts';
import { createKitSeed, openKit } from './recovery-kit.ts';
import { seededRandom } from './seeded-random.fixture.ts';

const kit = createKitSeed(seededRandom('kit text'), false);
const locked = createKitSeed(seededRandom('locked kit text'), true);
const page = { siteName: 'hamburg', realmFingerprint: 'AAAA-BBBB', createdSeconds: 1_700_000_000 };
const opened = await openKit(kit);
const text = await writeKitText(kit, { ...page, opened });
const lockedText = await writeKitText(locked, { ...page, opened: await openKit(locked, 'correct horse') });
const unreadable = (message: RegExp) => (error: unknown) =>
  isAppError(error, 'kit_unreadable') && message.test(error.message);

test('a page says what it is, whose it is, and that it must not lie in the building', () => {
  for (const part of ['SITEPAIR RECOVERY KIT', 'hamburg', 'AAAA-BBBB', '2023-11-14', toHex(opened.kitId)]) {
    assert.ok(text.includes(part), part);
  }
  assert.match(text, /MUST NOT LIE IN THE BUILDING/);
  assert.match(text, /sitepair rebuild --from HOST:PORT --kit FILE/);
  assert.match(text, /^Passphrase {2}none$/m);
  assert.match(lockedText, /^Passphrase {2}needed/m);
});

test('a page is at most 85 columns wide and fits one sheet', () => {
  for (const form of [text, lockedText]) {
    const lines = form.split('\n');
    assert.ok(lines.every((line) => [...line].length <= 85));
    assert.ok(lines.length <= 66, `${lines.length} lines`);
  }
});

test('the QR on the page is that of the code', () => {
  const { modules } = QRCode.create(kitCode(kit), { errorCorrectionLevel: 'M' });
  const rows = text.split('\n').filter((line) => /[█▀▄]/.test(line));
  const dark = (row: number, column: number) => {
    const character = rows[row >> 1]?.[column + 4] ?? ' ';
    return character === '█' || character === (row % 2 === 0 ? '▀' : '▄');
  };
  for (let row = 0; row < modules.size; row++) {
    for (let column = 0; column < modules.size; column++) {
      assert.equal(dark(row, column), modules.get(row, column) === 1, `${row}/${column}`);
    }
  }
});

test('a whole page is read back, with the kit’s id, and so it is with the line ends of another system', () => {
  assert.deepEqual(parseKit(text), { ...kit, kitId: opened.kitId });
  assert.deepEqual(parseKit(text.replaceAll('\n', '\r\n')), { ...kit, kitId: opened.kitId });
  assert.equal(parseKit(lockedText).passphraseNeeded, true);
});

test('bare words, numbered or not, and a bare code are read', () => {
  for (const one of [kit, locked]) {
    const words = kitWords(one);
    assert.deepEqual(parseKit(words.join(' ')), one);
    assert.deepEqual(parseKit(words.map((word, i) => `${i + 1}. ${word}`).join('\n')), one);
    assert.deepEqual(parseKit(words.map((word) => word.toUpperCase()).join(', ')), one);
    assert.deepEqual(parseKit(kitCode(one)), one);
    assert.deepEqual(parseKit(`  ${kitCode(one).replaceAll('-', ' ').toLowerCase()}\n`), one);
  }
});

test('a page of which the code or the words are spoilt is still read by the other', () => {
  const code = kitCode(kit);
  assert.deepEqual(parseKit(text.replace(code.slice(0, 5), '#####')).seed, kit.seed);
  assert.deepEqual(parseKit(text.replace(`1 ${kitWords(kit)[0]}`, '1 smudge')).seed, kit.seed);
  assert.deepEqual(parseKit(text.slice(0, text.indexOf('CODE'))).seed, kit.seed);
});

test('a page of which both are spoilt names the group', () => {
  const spoilt = text.replace(kitCode(kit).slice(0, 5), '0000Z').replace(`1 ${kitWords(kit)[0]}`, '1 smudge');
  assert.throws(() => parseKit(spoilt), unreadable(/group 1 of the code, "0000Z"/));
});

test('a page with the words of one kit and the code of another is refused', () => {
  const mixed = text.slice(0, text.indexOf('CODE')) + lockedText.slice(lockedText.indexOf('CODE'));
  assert.throws(() => parseKit(mixed), unreadable(/two kits/));
});

test('a page with another kit’s id is refused when it is opened', async () => {
  const swapped = text.replace(toHex(opened.kitId), '0011223344556677');
  await assert.rejects(openKit(parseKit(swapped)), unreadable(/page says kit 0011223344556677/));
});

test('bare words with a wrong one name it, a bare code with a wrong group names that', () => {
  assert.throws(() => parseKit(kitWords(kit).with(1, 'wr0ng').join(' ')), unreadable(/word 2, "wr0ng"/));
  assert.throws(() => parseKit(kitCode(kit).replace(/-.....-/, '-0000Z-')), unreadable(/group 2 of the code/));
});

test('what is no kit is refused: nothing, prose, a huge file, a page without its secret', () => {
  assert.throws(() => parseKit(' \n'), unreadable(/empty/));
  assert.throws(() => parseKit('Dear admin, the kit is in the safe'), unreadable(/word 1, "Dear"/));
  assert.throws(() => parseKit('x'.repeat(100_000)), unreadable(/too long/));
  assert.throws(() => parseKit(text.slice(0, text.indexOf('WORDS'))), unreadable(/no CODE/));
});

test('a page cut at any length is either read as the kit or refused', () => {
  for (let length = 0; length < text.length; length++) {
    try {
      assert.deepEqual(parseKit(text.slice(0, length)).seed, kit.seed);
    } catch (error) {
      assert.ok(isAppError(error, 'kit_unreadable'), String(error));
    }
  }
});
