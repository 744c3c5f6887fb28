import { hintMac, hintMacBytes, hintMacMatches, pairHint, pairHintBytes } from '#keys';
import { assert, concatBytes, equalBytes } from '#runtime';
import { versionTooNew, versionTooOld } from './link-errors.ts';
import { helloBytes } from './link-messages.ts';
import { noiseTagBytes } from './noise-cipher.ts';

/** What a connection is for: a pair's control connection, one of its data connections, or a door. */
export type Entry = 'control' | 'data' | 'door';

/** What a door leads to. */
export type DoorPurpose = 'pairing' | 'rebuild' | 'agent';

/** The link protocol versions that an end speaks, both included. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** What this software speaks. */
export const linkVersions: VersionRange = { min: 1, max: 1 };

const entryCodes: Readonly<Record<Entry, number>> = { control: 1, data: 2, door: 3 };
const purposeCodes: Readonly<Record<DoorPurpose, number>> = { pairing: 1, rebuild: 2, agent: 3 };

const headerBytes = 4 + pairHintBytes;
const refusalCode = 0x7f;
const refusalBytes = 4 + hintMacBytes;

// IKpsk2: ephemeral key, sealed static key, sealed hello. XXpsk0: ephemeral key, the seal of nothing.
const noiseBytes: Readonly<Record<Entry, number>> = {
  control: 32 + (32 + noiseTagBytes) + (helloBytes + noiseTagBytes),
  data: 32 + (32 + noiseTagBytes) + (helloBytes + noiseTagBytes),
  door: 32 + noiseTagBytes,
};

/** The length that a first message has, and no other. */
export function firstMessageBytes(entry: Entry): number {
  return headerBytes + hintMacBytes + noiseBytes[entry];
}

/** The clear part of a first message: 12 bytes, also the end of the prologue of both ends. */
export function firstHeader(entry: Entry, versions: VersionRange, psk: Uint8Array, purpose?: DoorPurpose): Uint8Array {
  const purposeCode = purpose === undefined ? 0 : purposeCodes[purpose];
  return concatBytes([Uint8Array.of(entryCodes[entry], versions.min, versions.max, purposeCode), pairHint(psk)]);
}

export function firstPrologue(header: Uint8Array): Uint8Array {
  return concatBytes([Buffer.from('sitepair link v1\0', 'latin1'), header]);
}

/** Header, MAC under `psk` over all but itself, Noise message. */
export function sealFirstMessage(header: Uint8Array, psk: Uint8Array, noiseMessage: Uint8Array): Uint8Array {
  return concatBytes([header, hintMac(psk, concatBytes([header, noiseMessage])), noiseMessage]);
}

/** A first message of the right size, not yet known to be from anybody. */
export interface FirstMessage {
  readonly entry: Entry;
  readonly versions: VersionRange;
  readonly purpose: DoorPurpose | undefined;
  readonly hint: Uint8Array;
  readonly header: Uint8Array;
  readonly mac: Uint8Array;
  readonly noiseMessage: Uint8Array;
}

/** Undefined for anything that is no first message: wrong size, unknown entry, purpose or order of versions. */
export function parseFirstMessage(bytes: Uint8Array): FirstMessage | undefined {
  const entry = keyOf(entryCodes, bytes[0]);
  if (entry === undefined || bytes.length !== firstMessageBytes(entry)) return undefined;
  const purpose = keyOf(purposeCodes, bytes[3]);
  if (entry === 'door' ? purpose === undefined : bytes[3] !== 0) return undefined;
  const versions = { min: bytes[1]!, max: bytes[2]! };
  if (versions.min > versions.max) return undefined;
  return {
    entry,
    versions,
    purpose,
    hint: bytes.subarray(4, headerBytes),
    header: bytes.subarray(0, headerBytes),
    mac: bytes.subarray(headerBytes, headerBytes + hintMacBytes),
    noiseMessage: bytes.subarray(headerBytes + hintMacBytes),
  };
}

/** True when whoever made it knows `psk`: the one MAC that a stranger costs. */
export function isFrom(first: FirstMessage, psk: Uint8Array): boolean {
  return hintMacMatches(psk, concatBytes([first.header, first.noiseMessage]), first.mac);
}

/** The version that both ends speak, the newer the better; undefined when there is none. */
export function commonVersion(a: VersionRange, b: VersionRange): number | undefined {
  const version = Math.min(a.max, b.max);
  return version >= Math.max(a.min, b.min) ? version : undefined;
}

/** The answer to a first message that offers no version of ours: 20 bytes, bound to it by its MAC. */
export function sealRefusal(first: FirstMessage, versions: VersionRange, psk: Uint8Array): Uint8Array {
  const head = Uint8Array.of(refusalCode, versions.min, versions.max, 0);
  return concatBytes([head, hintMac(psk, concatBytes([head, first.mac]))]);
}

/** The versions that the other end speaks, when `bytes` is its refusal of the first message `sent`. */
export function openRefusal(bytes: Uint8Array, sent: Uint8Array, psk: Uint8Array): VersionRange | undefined {
  if (bytes.length !== refusalBytes || bytes[0] !== refusalCode) return undefined;
  const head = bytes.subarray(0, 4);
  const sentMac = sent.subarray(headerBytes, headerBytes + hintMacBytes);
  const mac = hintMac(psk, concatBytes([head, sentMac]));
  return equalBytes(mac, bytes.subarray(4)) ? { min: bytes[1]!, max: bytes[2]! } : undefined;
}

/** What to tell people on the end that speaks `ours` when the other one speaks `theirs`. */
export function versionError(ours: VersionRange, theirs: VersionRange): Error {
  assert(commonVersion(ours, theirs) === undefined, 'versions differ');
  return ours.max < theirs.min ? versionTooOld(ours.max, theirs.min) : versionTooNew(ours.min, theirs.max);
}

function keyOf<K extends string>(codes: Readonly<Record<K, number>>, code: number | undefined): K | undefined {
  for (const key in codes) if (codes[key] === code) return key;
  return undefined;
}
