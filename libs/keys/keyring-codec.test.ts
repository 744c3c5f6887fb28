import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concatBytes, isAppError, toHex } from '#runtime';
import { encodeChecked, type Fields, messageType } from './checked-message.ts';
import { sha256 } from './hashing.ts';
import { createIdentity } from './identity.ts';
import { toDataKeyId, toDomainId, toKitId, toRealmId } from './ids.ts';
import {
  createKeyring,
  keyringLimits,
  normalKeyring,
  voidKit,
  withKit,
  withNewDataKey,
  withNewDomain,
} from './keyring.ts';
import { decodeKeyring, encodeKeyring, keyringHash } from './keyring-codec.ts';
import { kitIdOf } from './kit-id.ts';
import { endorseKit, type KeyringKit, voidStatementOf } from './kit-statements.ts';
import { openKit } from './recovery-kit.ts';
import { seededRandom } from './seeded-random.fixture.ts';

const random = seededRandom('codec');
const site = createIdentity(random);
const { siteId } = site;
const by = { random, siteId, createdSeconds: 1_700_000_000 };
const opened = await openKit({ seed: random.bytes(32), passphraseNeeded: false });
const kit = endorseKit(opened, site, 7);
const sample = voidKit(
  withKit(
    withNewDomain(withNewDataKey(withNewDataKey(createKeyring(random), by).keyring, by).keyring, by).keyring,
    kit,
  ),
  kit.kitId,
  site,
);
const message = { type: messageType('Keyring'), version: 1, bytesMax: 2 ** 24, purpose: 'keyring' };
const damaged = (error: unknown) => isAppError(error, 'keyring_damaged');

test('a keyring comes back from its encoding, and its hash is that of the encoding', () => {
  const bytes = encodeKeyring(sample);
  assert.deepEqual(decodeKeyring(bytes), sample);
  assert.deepEqual(encodeKeyring(decodeKeyring(bytes)), bytes);
  assert.deepEqual(keyringHash(sample), sha256(bytes));
});

test('the order in which entries came does not show in the encoding', () => {
  const turned = normalKeyring({ ...sample, dataKeys: [...sample.dataKeys].reverse() });
  assert.equal(toHex(keyringHash(turned)), toHex(keyringHash(sample)));
});

test('a decoded keyring shares no memory with what it was read from', () => {
  const bytes = encodeKeyring(sample);
  const keyring = decodeKeyring(bytes);
  bytes.fill(0);
  assert.deepEqual(keyring, sample);
});

test('an encoding cut at any length, or longer, is damaged', () => {
  const bytes = encodeKeyring(sample);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeKeyring(bytes.subarray(0, length)), damaged, `${length}`);
  }
  assert.throws(() => decodeKeyring(concatBytes([bytes, new Uint8Array(1)])), damaged);
});

test('an encoding with any bit flipped is damaged', () => {
  const bytes = encodeKeyring(sample);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeKeyring(bytes), damaged, `bit ${bit}`);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
});

test('a keyring of a newer version is called newer', () => {
  assert.throws(
    () => decodeKeyring(encodeChecked({ ...message, version: 2 }, { realm_id: new Uint8Array(40) })),
    (error) => isAppError(error, 'keyring_newer'),
  );
});

const realm_id = new Uint8Array(16).fill(1);
const dataKey = { key_id: new Uint8Array(8), key: new Uint8Array(32), by_site_id: siteId, created_seconds: 7 };
const domain = {
  domain_id: new Uint8Array(8),
  id_key: new Uint8Array(32),
  chunker_key: new Uint8Array(32),
  origin_site_id: siteId,
};
const kitEntry = {
  kit_id: kit.kitId,
  site_id: siteId,
  x25519_public: kit.x25519Public,
  ml_kem_768_public: kit.mlKemPublic,
  ed25519_public: kit.signingPublic,
  created_seconds: 7,
  site_key: kit.siteKey,
  kit_signature: kit.kitSignature,
  site_signature: kit.siteSignature,
};
const thief = createIdentity(random);
const thiefKit = endorseKit(opened, thief, 7);
const said = voidStatementOf(kit.kitId, site);
const voidEntry = {
  kit_id: said.kitId,
  site_id: said.siteId,
  site_key: said.siteKey,
  site_signature: said.siteSignature,
};

test('the parts of which the hostile keyrings below are made are fine by themselves', () => {
  const fields = { realm_id, data_keys: [dataKey], domains: [domain], kits: [kitEntry], kit_voids: [voidEntry] };
  assert.equal(decodeKeyring(encodeChecked(message, fields)).kits.length, 1);
});

const hostile: Record<string, Fields> = {
  'no realm id': {},
  'a short realm id': { realm_id: new Uint8Array(15) },
  'a former realm id of a wrong size': { realm_id, former_realm_ids: [new Uint8Array(17)] },
  'its own realm id among the former ones': { realm_id, former_realm_ids: [realm_id] },
  'a data key id of 7 bytes': { realm_id, data_keys: [{ ...dataKey, key_id: new Uint8Array(7) }] },
  'a data key of 31 bytes': { realm_id, data_keys: [{ ...dataKey, key: new Uint8Array(31) }] },
  'a data key without a site': { realm_id, data_keys: [{ ...dataKey, by_site_id: new Uint8Array(0) }] },
  'an empty data key': { realm_id, data_keys: [{}] },
  'a data key twice': { realm_id, data_keys: [dataKey, dataKey] },
  'data keys out of order': { realm_id, data_keys: [{ ...dataKey, key_id: new Uint8Array(8).fill(1) }, dataKey] },
  'a time above 2^53': { realm_id, data_keys: [{ ...dataKey, created_seconds: '18446744073709551615' }] },
  'a domain with a long id key': { realm_id, domains: [{ ...domain, id_key: new Uint8Array(64) }] },
  'a domain twice': { realm_id, domains: [domain, domain] },
  'a kit whose id is not of its keys': { realm_id, kits: [{ ...kitEntry, kit_id: new Uint8Array(8) }] },
  'a kit with a short ML-KEM key': { realm_id, kits: [{ ...kitEntry, ml_kem_768_public: new Uint8Array(1183) }] },
  'a kit that its site has not signed': { realm_id, kits: [{ ...kitEntry, site_signature: thiefKit.siteSignature }] },
  'a kit that has not signed itself': { realm_id, kits: [{ ...kitEntry, kit_signature: thiefKit.kitSignature }] },
  'a kit under another key than signed it': { realm_id, kits: [{ ...kitEntry, site_key: thief.key.publicKey }] },
  'a kit of another site than the one that it signed for': { realm_id, kits: [{ ...kitEntry, site_id: thief.siteId }] },
  'a kit of another time than was signed': { realm_id, kits: [{ ...kitEntry, created_seconds: 8 }] },
  'a void that another site has signed': {
    realm_id,
    kit_voids: [{ ...voidEntry, site_signature: voidStatementOf(kit.kitId, thief).siteSignature }],
  },
  'a void of another kit than was signed': { realm_id, kit_voids: [{ ...voidEntry, kit_id: new Uint8Array(8) }] },
  'a void signed for something else': { realm_id, kit_voids: [{ ...voidEntry, site_signature: kit.siteSignature }] },
  'a void twice': { realm_id, kit_voids: [voidEntry, voidEntry] },
  'a kit twice': { realm_id, kits: [kitEntry, kitEntry] },
  'too many data keys': { realm_id, data_keys: numbered(keyringLimits.dataKeys + 1, dataKey, 'key_id') },
  'too many domains': { realm_id, domains: numbered(keyringLimits.domains + 1, domain, 'domain_id') },
  'too many former realm ids': {
    realm_id,
    former_realm_ids: numbered(keyringLimits.formerRealmIds + 1, { id: new Uint8Array(16) }, 'id').map((one) => one.id),
  },
  'too many kits': { realm_id, kits: numbered(keyringLimits.kits + 1, kitEntry, 'kit_id') },
  'too many voids': { realm_id, kit_voids: numbered(keyringLimits.kitVoids + 1, voidEntry, 'kit_id') },
};

for (const [what, fields] of Object.entries(hostile)) {
  test(`a keyring with ${what} is refused, though its checksum is right`, () => {
    assert.throws(() => decodeKeyring(encodeChecked(message, fields)), damaged);
  });
}

test('a keyring above the limit of bytes is refused before it is parsed', () => {
  const fields = { realm_id, data_keys: [{ ...dataKey, key: new Uint8Array(600_000) }] };
  assert.throws(() => decodeKeyring(encodeChecked(message, fields)), /limit of 524288/);
});

const plainBody = Buffer.from(encodeChecked(message, { realm_id }).subarray(0, -18));
const zeroEntry = Buffer.concat([
  Buffer.from('0a08', 'hex'),
  new Uint8Array(8),
  Buffer.from('1220', 'hex'),
  new Uint8Array(32),
]);
const withTime = Buffer.concat([zeroEntry, Buffer.from('1800', 'hex'), Buffer.from('2210', 'hex'), siteId]);
const otherForms: Record<string, Uint8Array> = {
  'an unknown field, which uniting would lose': Buffer.concat([plainBody, Buffer.from('4801', 'hex')]),
  'a number longer than it need be': Buffer.concat([Buffer.from('088100', 'hex'), plainBody.subarray(2)]),
  'a field twice': Buffer.concat([plainBody, plainBody.subarray(2)]),
  'its fields in another order': Buffer.concat([plainBody.subarray(2), plainBody.subarray(0, 2)]),
  'a zero written out': Buffer.concat([plainBody, Buffer.from([0x2a, withTime.length]), withTime]),
  'a group that never ends': Buffer.concat([plainBody, Buffer.from('4b4b4b4b', 'hex')]),
  'a length beyond its end': Buffer.concat([plainBody, Buffer.from('2affffff7f', 'hex')]),
};

for (const [what, body] of Object.entries(otherForms)) {
  test(`a keyring with ${what}, is refused, though its checksum is right`, () => {
    const mark = sha256(Buffer.from('sitepair keyring v1\0'), body).subarray(0, 16);
    assert.throws(() => decodeKeyring(concatBytes([body, new Uint8Array([0x7a, 16]), mark])), damaged);
  });
}

test('a keyring with every list full fits its limit of bytes', () => {
  const full = normalKeyring({
    realmId: toRealmId(random.bytes(16)),
    formerRealmIds: Array.from({ length: keyringLimits.formerRealmIds }, () => toRealmId(random.bytes(16))),
    domains: Array.from({ length: keyringLimits.domains }, () => ({
      domainId: toDomainId(random.bytes(8)),
      idKey: random.bytes(32),
      chunkerKey: random.bytes(32),
      originSiteId: siteId,
      createdSeconds: Number.MAX_SAFE_INTEGER,
    })),
    dataKeys: Array.from({ length: keyringLimits.dataKeys }, () => ({
      keyId: toDataKeyId(random.bytes(8)),
      key: random.bytes(32),
      createdSeconds: Number.MAX_SAFE_INTEGER,
      bySiteId: siteId,
    })),
    kits: manyKits(keyringLimits.kits),
    kitVoids: Array.from({ length: keyringLimits.kitVoids }, () => voidStatementOf(toKitId(random.bytes(8)), site)),
  });
  assert.deepEqual(decodeKeyring(encodeKeyring(full)), full);
});

function numbered<T extends object>(count: number, entry: T, idName: keyof T & string): T[] {
  return Array.from({ length: count }, (_, i) => {
    const id = new Uint8Array((entry[idName] as Uint8Array).length);
    new DataView(id.buffer).setUint32(0, i);
    return { ...entry, [idName]: id };
  });
}

/** Kits with made-up halves but their own signatures. */
function manyKits(count: number): KeyringKit[] {
  return Array.from({ length: count }, () => {
    const x25519 = { ...opened.x25519, publicKey: random.bytes(32) };
    const halves = { x25519Public: x25519.publicKey, mlKemPublic: kit.mlKemPublic, signingPublic: kit.signingPublic };
    return endorseKit({ ...opened, x25519, kitId: kitIdOf(halves) }, site, Number.MAX_SAFE_INTEGER);
  });
}
