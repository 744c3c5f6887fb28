import { concatBytes, equalBytes } from '#runtime';
import { base32Alphabet, base32Value, bytesOfBase32, encodeBase32 } from './base32.ts';
import { purposeLabel, sha256 } from './hashing.ts';
import { unreadable } from './kit-words.ts';
import { type KitSeed, kitSeedBytes } from './recovery-kit.ts';

const codeVersion = 1;
const passphraseFlag = 1;
const checksumBytes = 2; // With one header byte and the seed that makes 280 bits: 56 characters, 14 groups.
const groupData = 4;
const groupCharacters = groupData + 1;
const groupCount = 14;

/**
 * The kit in base32: 14 groups of four characters and a check character each. A misread character and two swapped
 * groups are named when it is read; version and passphrase flag are in it.
 */
export function kitCode(kit: KitSeed): string {
  const header = (codeVersion << 4) | (kit.passphraseNeeded ? passphraseFlag : 0);
  const body = concatBytes([new Uint8Array([header]), kit.seed]);
  const text = encodeBase32(concatBytes([body, checksum(body)]));
  const groups: string[] = [];
  for (let i = 0; i < groupCount; i++) {
    const data = text.slice(i * groupData, (i + 1) * groupData);
    groups.push(
      data +
        base32Alphabet[
          checkValue(
            i,
            [...data].map((character) => base32Value(character)!),
          )
        ],
    );
  }
  return groups.join('-');
}

/**
 * Reads a code: in either case, O for 0, I and L for 1, groups parted by spaces, lines or dashes or not at all. Throws
 * KeysError 'kit_unreadable', which names the wrong group.
 */
export function parseKitCode(text: string): KitSeed {
  const values: number[] = [];
  for (const [i, group] of groupsOf(text).entries()) values.push(...groupValues(i, group));
  const bytes = bytesOfBase32(values);
  const body = bytes.subarray(0, 1 + kitSeedBytes);
  if (!equalBytes(bytes.subarray(1 + kitSeedBytes), checksum(body))) {
    throw unreadable('each group of the code fits, but together they do not', 'Compare every group with the paper.');
  }
  const header = body[0]!;
  if (header >> 4 !== codeVersion || (header & 15 & ~passphraseFlag) !== 0) {
    throw unreadable(
      `this kit has version ${header >> 4}.${header & 15}, made by a newer Sitepair`,
      'Upgrade Sitepair.',
    );
  }
  return { seed: body.slice(1), passphraseNeeded: (header & passphraseFlag) !== 0 };
}

function groupsOf(text: string): string[] {
  const parts = text.split(/[\s\-\u2010-\u2015\u2212]+/).filter((part) => part !== '');
  const groups = parts.length === 1 ? (parts[0]!.match(new RegExp(`.{1,${groupCharacters}}`, 'gu')) ?? []) : parts;
  for (const [i, group] of groups.slice(0, groupCount).entries()) {
    if ([...group].length !== groupCharacters) {
      const message = `group ${i + 1} of the code, "${group.slice(0, 20)}", has not ${groupCharacters} characters`;
      throw unreadable(message, 'Compare it with the paper.');
    }
  }
  if (groups.length !== groupCount) {
    const message = `a code has ${groupCount} groups of ${groupCharacters} characters, not ${groups.length}`;
    throw unreadable(message, 'Look for a group left out or written twice.');
  }
  return groups;
}

function groupValues(index: number, group: string): number[] {
  const values = [...group].map((character) => {
    const value = base32Value(character);
    if (value !== undefined) return value;
    const message = `group ${index + 1} of the code, "${group}", has a "${character}", which is in no code`;
    throw unreadable(message, 'Compare it with the paper.');
  });
  const data = values.slice(0, groupData);
  if (values[groupData] !== checkValue(index, data)) {
    throw unreadable(
      `group ${index + 1} of the code, "${group}", is wrong or in the wrong place`,
      'Compare it with the paper.',
    );
  }
  return data;
}

/** Odd weights: any one changed character shows; the index: a group in another's place shows. */
function checkValue(index: number, [a, b, c, d]: readonly number[]): number {
  return (index + a! + 3 * b! + 5 * c! + 7 * d!) & 31;
}

function checksum(body: Uint8Array): Uint8Array {
  return sha256(purposeLabel('recovery kit code'), body).subarray(0, checksumBytes);
}
