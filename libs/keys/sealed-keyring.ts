import { assert, concatBytes, equalBytes, type Random, toHex } from '#runtime';
import { hkdfSha256, purposeLabel, sha256 } from './hashing.ts';
import { kitIdBytes, realmIdBytes } from './ids.ts';
import { type Keyring, keyringLimits, kitsInForce } from './keyring.ts';
import { damagedKeyring, decodeKeyring, encodeKeyring, keyringBytesMax, newerKeyring } from './keyring-codec.ts';
import { KeysError, SealError } from './keys-error.ts';
import type { KitPublicHalves } from './kit-id.ts';
import type { KeyringKit } from './kit-statements.ts';
import {
  mlKemCiphertextBytes,
  mlKemDecapsulate,
  mlKemEncapsulate,
  x25519Bytes,
  x25519PublicOf,
  x25519Shared,
} from './node-kem.ts';
import { padmeLength } from './padme.ts';
import type { RecoveryKit } from './recovery-kit.ts';
import { sealKeyBytes, sealNonceBytes, sealTagBytes, xaesOpen, xaesSeal } from './xaes.ts';

/** "SPKEYR", then CR LF: a transfer that changes line ends is seen at once. */
const magic = new Uint8Array([0x53, 0x50, 0x4b, 0x45, 0x59, 0x52, 0x0d, 0x0a]);
const version = 1;

/** Where each part lies: KEYS.md has the table. Numbers are little-endian. */
const at = { version: 8, realmId: 10, hash: 26, kitCount: 58, bodyNonce: 60, bodyLength: 84, kits: 88 } as const;
const checksumBytes = 32;

/** A kit's entry: its id, ephemeral X25519 key, ML-KEM ciphertext, nonce and the sealed content key. */
const wrappedKeyBytes = sealKeyBytes + sealTagBytes;
const entryBytes = kitIdBytes + x25519Bytes + mlKemCiphertextBytes + sealNonceBytes + wrappedKeyBytes;

/** The largest sealed keyring: 64 kits and the largest body, padded. */
export const sealedKeyringBytesMax =
  at.kits + keyringLimits.kits * entryBytes + padmeLength(4 + keyringBytesMax) + sealTagBytes + checksumBytes;

/**
 * Seals a keyring to every kit in it that is not voided, and of these to those that `isFor` names (all unless told),
 * under X25519 and ML-KEM-768 together. Each call gives other bytes. Throws KeysError 'kit_missing' when no kit could open it, 'public_key_bad' when a kit's key is none.
 */
export function sealKeyring(
  keyring: Keyring,
  random: Random,
  isFor: (kit: KeyringKit) => boolean = () => true,
): Uint8Array {
  const kits = kitsInForce(keyring).filter(isFor);
  if (kits.length === 0) {
    throw new KeysError(
      'kit_missing',
      'no recovery kit could open this keyring',
      'Make a kit first: sitepair key kit.',
    );
  }
  const encoded = encodeKeyring(keyring);
  const body = new Uint8Array(padmeLength(4 + encoded.length));
  new DataView(body.buffer).setUint32(0, encoded.length, true);
  body.set(encoded, 4);

  const header = new Uint8Array(at.kits);
  const view = new DataView(header.buffer);
  header.set(magic);
  view.setUint16(at.version, version, true);
  header.set(keyring.realmId, at.realmId);
  header.set(sha256(encoded), at.hash);
  view.setUint16(at.kitCount, kits.length, true);
  header.set(random.bytes(sealNonceBytes), at.bodyNonce);
  view.setUint32(at.bodyLength, body.length + sealTagBytes, true);

  const contentKey = random.bytes(sealKeyBytes);
  const entries = kits.map((kit) => wrapFor(kit, contentKey, header, random));
  const sealedBody = xaesSeal(contentKey, header.subarray(at.bodyNonce, at.bodyLength), body, header);
  const all = concatBytes([header, ...entries, sealedBody]);
  return concatBytes([all, sha256(all)]);
}

/**
 * Opens a sealed keyring with a kit. It is whole and was sealed by somebody who knew the kit's public half, which only
 * members do; that it is the version that members agree on, its hash in their logs says. Throws KeysError
 * 'kit_wrong' (details.kits: the ids, in hexadecimal, of those that would open it), 'keyring_damaged', 'keyring_newer'.
 */
export function openSealedKeyring(bytes: Uint8Array, kit: RecoveryKit): Keyring {
  const { header, entries, body } = partsOf(bytes);
  const entry = entries.find((one) => equalBytes(one.subarray(0, kitIdBytes), kit.kitId));
  if (entry === undefined) throw wrongKit(kit, entries);
  try {
    const contentKey = unwrap(entry, kit, header);
    const opened = xaesOpen(contentKey, header.subarray(at.bodyNonce, at.bodyLength), body, header);
    return keyringIn(opened, header);
  } catch (error) {
    if (error instanceof SealError) throw damagedKeyring('a seal in it does not open', error);
    throw error;
  }
}

/** The ids, in order, of the kits that open this sealed keyring. Throws 'keyring_damaged' and 'keyring_newer'. */
export function kitIdsOfSealedKeyring(bytes: Uint8Array): Uint8Array[] {
  return partsOf(bytes).entries.map((entry) => entry.slice(0, kitIdBytes));
}

interface Parts {
  readonly header: Uint8Array;
  readonly entries: readonly Uint8Array[];
  readonly body: Uint8Array;
}

function partsOf(bytes: Uint8Array): Parts {
  if (bytes.length > sealedKeyringBytesMax) throw damagedKeyring(`${bytes.length} bytes are too many`);
  if (bytes.length < at.kits + checksumBytes) throw damagedKeyring('it is too short');
  if (!equalBytes(bytes.subarray(0, magic.length), magic))
    throw damagedKeyring('it does not begin as a sealed keyring');
  // Every version ends with this checksum: so a flipped bit in the version is damage, not news.
  const all = bytes.subarray(0, bytes.length - checksumBytes);
  if (!equalBytes(bytes.subarray(all.length), sha256(all))) throw damagedKeyring('the checksum is wrong');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = view.getUint16(at.version, true);
  if (found > version) throw newerKeyring(found, version);
  if (found !== version) throw damagedKeyring(`there is no version ${found}`);

  const kitCount = view.getUint16(at.kitCount, true);
  if (kitCount === 0 || kitCount > keyringLimits.kits) throw damagedKeyring(`it cannot have ${kitCount} kits`);
  const bodyStart = at.kits + kitCount * entryBytes;
  if (bodyStart + view.getUint32(at.bodyLength, true) !== all.length) throw damagedKeyring('its lengths do not add up');
  const entries = Array.from({ length: kitCount }, (_, i) =>
    all.subarray(at.kits + i * entryBytes, at.kits + (i + 1) * entryBytes),
  );
  return { header: all.subarray(0, at.kits), entries, body: all.subarray(bodyStart) };
}

function keyringIn(opened: Uint8Array, header: Uint8Array): Keyring {
  if (opened.length < 4) throw damagedKeyring('its content is too short');
  const length = new DataView(opened.buffer, opened.byteOffset, opened.length).getUint32(0, true);
  if (4 + length > opened.length) throw damagedKeyring('its content is too short');
  const encoded = opened.subarray(4, 4 + length);
  if (!equalBytes(sha256(encoded), header.subarray(at.hash, at.kitCount))) throw damagedKeyring('its hash is wrong');
  const keyring = decodeKeyring(encoded);
  if (!equalBytes(keyring.realmId, header.subarray(at.realmId, at.realmId + realmIdBytes))) {
    throw damagedKeyring('it says another realm than its content');
  }
  return keyring;
}

function wrapFor(kit: KeyringKit, contentKey: Uint8Array, header: Uint8Array, random: Random): Uint8Array {
  const ephemeralSecret = random.bytes(x25519Bytes);
  const ephemeral = x25519PublicOf(ephemeralSecret);
  const viaX25519 = x25519Shared(ephemeralSecret, kit.x25519Public);
  const { shared, ciphertext } = mlKemEncapsulate(kit.mlKemPublic);
  const nonce = random.bytes(sealNonceBytes);
  const wrappingKey = combine(viaX25519, shared, ephemeral, ciphertext, kit);
  const entry = concatBytes([
    kit.kitId,
    ephemeral,
    ciphertext,
    nonce,
    xaesSeal(wrappingKey, nonce, contentKey, header),
  ]);
  assert(entry.length === entryBytes, 'an entry has one size');
  return entry;
}

function unwrap(entry: Uint8Array, kit: RecoveryKit, header: Uint8Array): Uint8Array {
  let offset: number = kitIdBytes;
  const next = (length: number) => {
    offset += length;
    return entry.subarray(offset - length, offset);
  };
  const ephemeral = next(x25519Bytes);
  const ciphertext = next(mlKemCiphertextBytes);
  const nonce = next(sealNonceBytes);
  const wrapped = next(wrappedKeyBytes);
  const halves: KitPublicHalves = {
    x25519Public: kit.x25519.publicKey,
    mlKemPublic: kit.mlKem.publicKey,
    signingPublic: kit.signing.publicKey,
  };
  let viaX25519: Uint8Array;
  try {
    viaX25519 = x25519Shared(kit.x25519.secretKey, ephemeral);
  } catch (cause) {
    throw damagedKeyring('an ephemeral key in it is none', cause);
  }
  const wrappingKey = combine(viaX25519, mlKemDecapsulate(kit.mlKem.seed, ciphertext), ephemeral, ciphertext, halves);
  return xaesOpen(wrappingKey, nonce, wrapped, header);
}

/**
 * One key of both secrets: it stays secret while either of them does. Bound to both ciphertexts and to the kit's public
 * keys, so that neither half can be exchanged (the advice of draft-ietf-tls-hybrid-design and of X-Wing).
 */
function combine(
  viaX25519: Uint8Array,
  viaMlKem: Uint8Array,
  ephemeral: Uint8Array,
  ciphertext: Uint8Array,
  kit: KitPublicHalves,
): Uint8Array {
  const bound = sha256(ephemeral, ciphertext, kit.x25519Public, kit.mlKemPublic, kit.signingPublic);
  return hkdfSha256(concatBytes([viaX25519, viaMlKem]), purposeLabel('keyring wrap'), bound, sealKeyBytes);
}

function wrongKit(kit: RecoveryKit, entries: readonly Uint8Array[]): KeysError {
  const kits = entries.map((entry) => toHex(entry.subarray(0, kitIdBytes)));
  const message = `kit ${toHex(kit.kitId)} does not open this keyring; these do: ${kits.join(', ')}`;
  const advice = 'Take a kit with one of these numbers. With a passphrase kit, type the passphrase again.';
  return new KeysError('kit_wrong', message, advice, { details: { kit: toHex(kit.kitId), kits } });
}
