import type protobuf from 'protobufjs';
import { assert, concatBytes, equalBytes } from '#runtime';
import { protoRoot } from '#wire';
import { purposeLabel, sha256 } from './hashing.ts';

/**
 * A protobuf message that is a file or is hashed: field 1 is its version, and its last 18 bytes are field 15, 16 bytes
 * of SHA-256 over the label and everything before. There is one encoding of each content (KEYS.md), so a hash of it
 * names it, and both truncation and any flipped bit are seen.
 */
export interface CheckedMessageType {
  readonly type: protobuf.Type;
  /** Of the content as it is written here; greater ones are refused. */
  readonly version: number;
  readonly bytesMax: number;
  /** For the checksum: an identity never passes as a keyring. */
  readonly purpose: string;
}

/** Why bytes are no such message: made by a newer Sitepair, or not whole. */
export type Refusal = { readonly newer: number } | { readonly damage: string };
export type Fields = Readonly<Record<string, unknown>>;

const checksumField = 15;
const checksumBytes = 16;
const trailerBytes = 2 + checksumBytes;
/** Key and length as protobuf writes them: field 15, length-delimited, 16 bytes. */
const trailerStart = new Uint8Array([(checksumField << 3) | 2, checksumBytes]);

const schema = protoRoot('keyring.proto', true);

/** The message `name` of proto/keyring.proto. */
export function messageType(name: string): protobuf.Type {
  return schema.lookupType(`sitepair.keyring.v1.${name}`);
}

/** Encodes `fields`; those with proto3's default value must be left out. The version is added here. */
export function encodeChecked(of: CheckedMessageType, fields: Fields): Uint8Array {
  const body = of.type.encode(of.type.fromObject({ ...fields, version: of.version })).finish();
  const bytes = concatBytes([body, trailerStart, checksum(of, body)]);
  assert(bytes.length <= of.bytesMax, 'a message within its limits fits');
  return bytes;
}

/**
 * Decodes to plain fields (snake_case; absent ones are missing), or says what is wrong. The caller checks the fields
 * and, by encoding them again, that this was their one encoding.
 */
export function decodeChecked(of: CheckedMessageType, bytes: Uint8Array): { readonly fields: Fields } | Refusal {
  if (bytes.length > of.bytesMax) return { damage: `${bytes.length} bytes are more than the limit of ${of.bytesMax}` };
  if (bytes.length < trailerBytes) return { damage: 'too short' };
  const body = bytes.subarray(0, bytes.length - trailerBytes);
  const expected = concatBytes([trailerStart, checksum(of, body)]);
  if (!equalBytes(bytes.subarray(body.length), expected)) return { damage: 'the checksum is wrong' };
  try {
    const fields = of.type.toObject(of.type.decode(body), { longs: Number });
    const version = Number(fields.version ?? 0);
    if (version > of.version) return { newer: version };
    return version === of.version ? { fields } : { damage: `there is no version ${version}` };
  } catch (cause) {
    return { damage: cause instanceof Error ? cause.message : String(cause) };
  }
}

function checksum(of: CheckedMessageType, body: Uint8Array): Uint8Array {
  return sha256(purposeLabel(of.purpose), body).subarray(0, checksumBytes);
}
