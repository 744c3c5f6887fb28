import { asId, type PackId, type RealmId } from '#model';
import { equalBytes } from '#runtime';
import { RecordKind, sha256 } from '#wire';
import { packTooNew } from './store-errors.ts';

const magic = new Uint8Array([0xa7, 0x53, 0x50, 0x50, 0x0d, 0x0a, 0x1a, 0x31]);
const version = 1;
const hashedBytes = 48;
export const packHeaderBytes = 64;

/** Leaves and nodes lie in packs of their own, so that walking the nodes is sequential. */
export const PackClass = { leaves: 1, nodes: 2 } as const;
export type PackClass = (typeof PackClass)[keyof typeof PackClass];

export interface PackHeader {
  readonly class: PackClass;
  readonly packId: PackId;
  /** Of the store that wrote the pack. */
  readonly realmId: RealmId;
}

/** The class of pack that a record of this kind belongs into. */
export function classOf(kind: RecordKind): PackClass {
  return kind === RecordKind.leaf ? PackClass.leaves : PackClass.nodes;
}

/** The first 64 bytes of a pack (FORMAT.md section 6). */
export function encodePackHeader(header: PackHeader): Uint8Array {
  const bytes = new Uint8Array(packHeaderBytes);
  bytes.set(magic, 0);
  bytes[8] = version;
  bytes[9] = header.class;
  bytes.set(header.packId, 16);
  bytes.set(header.realmId, 32);
  bytes.set(sha256(bytes.subarray(0, hashedBytes)).subarray(0, packHeaderBytes - hashedBytes), hashedBytes);
  return bytes;
}

/**
 * Undefined when these are not the 64 bytes of a header as it was written. A whole header of a later version throws
 * `pack_too_new`: its pack must not be taken for damage. `name` is for that message.
 */
export function decodePackHeader(bytes: Uint8Array, name: string): PackHeader | undefined {
  if (bytes.length !== packHeaderBytes || !equalBytes(bytes.subarray(0, 8), magic)) return undefined;
  const check = sha256(bytes.subarray(0, hashedBytes)).subarray(0, packHeaderBytes - hashedBytes);
  if (!equalBytes(check, bytes.subarray(hashedBytes))) return undefined;
  if ((bytes[8] ?? 0) > version) throw packTooNew(name, bytes[8] ?? 0);
  const packClass = bytes[9];
  if (packClass !== PackClass.leaves && packClass !== PackClass.nodes) return undefined;
  if (bytes.subarray(10, 16).some((byte) => byte !== 0)) return undefined;
  return {
    class: packClass,
    packId: asId('PackId', new Uint8Array(bytes.subarray(16, 32))),
    realmId: asId('RealmId', new Uint8Array(bytes.subarray(32, 48))),
  };
}
