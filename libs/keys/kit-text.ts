import QRCode from 'qrcode';
import { assert, fromHex, isAppError, toHex } from '#runtime';
import { kitIdBytes, toKitId } from './ids.ts';
import { kitCode, parseKitCode } from './kit-code.ts';
import { isKitWord, kitWords, parseKitWords, sameKitSeed, unreadable } from './kit-words.ts';
import type { KitSeed, RecoveryKit } from './recovery-kit.ts';

export interface KitPage {
  readonly siteName: string;
  /** Of realmFingerprint. */
  readonly realmFingerprint: string;
  /** Wall time, seconds since 1970. */
  readonly createdSeconds: number;
  /** The kit that `kit` opens to: its id goes on the page. */
  readonly opened: RecoveryKit;
}

const title = 'SITEPAIR RECOVERY KIT';
const wordsHeading = 'WORDS';
const codeHeading = 'CODE';
/** A page has 5 KB; a file much larger is another file. */
const textCharactersMax = 64 * 1024;

/** The page to print: what it is, what to do with it, and the secret as words, code and QR. Plain text, 80 columns. */
export async function writeKitText(kit: KitSeed, page: KitPage): Promise<string> {
  assert(/^[^\p{Cc}]{1,64}$/u.test(page.siteName), 'a site name is one short line');
  const day = new Date(page.createdSeconds * 1000).toISOString().slice(0, 10);
  const code = kitCode(kit);
  const groups = code.split('-');
  const qr = await QRCode.toString(code, { type: 'utf8', errorCorrectionLevel: 'M' });
  return `${title}

Site        ${page.siteName}
Realm       ${page.realmFingerprint}
Made on     ${day}
Kit         ${toHex(page.opened.kitId)}
Passphrase  ${kit.passphraseNeeded ? 'needed; it is not on this page, and nobody can recover it' : 'none'}

WHAT THIS IS
  The only way back when this site is lost and its keys with it. Whoever has this
  page${kit.passphraseNeeded ? ' and the passphrase' : ''} can read every backup of every site
  of the realm, and can speak for this site. Nobody can make it again.

WHAT TO DO WITH IT
  1. Print it, twice. Delete the file that you printed it from.
  2. Take the paper away: IT MUST NOT LIE IN THE BUILDING that it is meant to
     replace. A bank, a notary or the other site's safe are good places.
  3. When it was lost or seen: sitepair key kit. That makes a new one; this one
     then opens nothing new.

WHEN THE SITE IS LOST
  On a new machine: sitepair rebuild --from HOST:PORT --kit FILE
  FILE holds this page, or only its words, or only its code, typed in. Any one of
  the three forms below is enough.

${wordsHeading}
${wordRows(kitWords(kit)).join('\n')}

${codeHeading}
  ${groups.slice(0, 7).join('-')}
  ${groups.slice(7).join('-')}

${qr}
`;
}

/**
 * Reads a whole printed page, or bare words (numbered or not), or a bare code. One readable form on a page is enough,
 * since paper gets wet; two that differ are refused. Throws KeysError 'kit_unreadable', naming the wrong word or group.
 */
export function parseKit(text: string): KitSeed {
  if (text.length > textCharactersMax)
    throw unreadable('this is no recovery kit: it is too long', 'Give another file.');
  if (text.trim() === '')
    throw unreadable('there is no recovery kit in it: it is empty', 'Type its words or its code.');
  return text.includes(title) ? parsePage(text) : parseBare(text);
}

function parsePage(text: string): KitSeed {
  const lines = text.split(/\r?\n/);
  const fromCode = attempt(() => parseKitCode(section(lines, codeHeading)));
  const fromWords = attempt(() => parseKitWords(wordsIn(section(lines, wordsHeading))));
  if (fromCode.kit !== undefined && fromWords.kit !== undefined && !sameKitSeed(fromCode.kit, fromWords.kit)) {
    throw unreadable('the words and the code on this page are of two kits', 'Compare the page with the paper.');
  }
  const kit = fromCode.kit ?? fromWords.kit;
  if (kit === undefined) throw fromCode.error ?? fromWords.error;
  const printedId = /^Kit\s+([0-9a-f]+)\s*$/m.exec(text)?.[1];
  return printedId?.length === 2 * kitIdBytes ? { ...kit, kitId: toKitId(fromHex(printedId)) } : kit;
}

function parseBare(text: string): KitSeed {
  const words = wordsIn(text);
  const known = words.filter(isKitWord).length;
  // A code without a single digit occurs once in 10^11 kits.
  const areWords = known * 2 >= words.length || !/\d/.test(words.join(''));
  return areWords ? parseKitWords(words) : parseKitCode(text);
}

/** The lines below a heading, up to the next empty one. */
function section(lines: readonly string[], heading: string): string {
  const start = lines.findIndex((line) => line.trim() === heading);
  if (start < 0) throw unreadable(`the page has no ${heading}`, 'Give the whole page, or only its words or its code.');
  const length = lines.slice(start + 1).findIndex((line) => line.trim() === '');
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n');
}

/** The words of a text, without their numbers. */
function wordsIn(text: string): string[] {
  return text.split(/[\s,;]+/).filter((word) => word !== '' && !/^\d{1,2}[.):]?$/.test(word));
}

function wordRows(words: readonly string[]): string[] {
  return Array.from({ length: words.length / 4 }, (_, row) => {
    const cells = words.slice(row * 4, row * 4 + 4);
    return cells
      .map((word, i) => `${String(row * 4 + i + 1).padStart(4)} ${word.padEnd(10)}`)
      .join('')
      .trimEnd();
  });
}

function attempt(read: () => KitSeed): { readonly kit?: KitSeed; readonly error?: unknown } {
  try {
    return { kit: read() };
  } catch (error) {
    if (isAppError(error, 'kit_unreadable')) return { error };
    throw error;
  }
}
