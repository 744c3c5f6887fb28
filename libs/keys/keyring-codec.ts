import { compareBytes, equalBytes } from '#runtime';
import { type CheckedMessageType, decodeChecked, encodeChecked, type Fields, messageType } from './checked-message.ts';
import { BadField, bytesField, countField, exactBytes, listField, messageEntry } from './fields.ts';
import { sha256 } from './hashing.ts';
import {
  dataKeyIdBytes,
  domainIdBytes,
  kitIdBytes,
  realmIdBytes,
  siteIdBytes,
  toDataKeyId,
  toDomainId,
  toKitId,
  toRealmId,
  toSiteId,
} from './ids.ts';
import { type DataKey, type Domain, type Keyring, keyringLimits, normalKeyring, signedId } from './keyring.ts';
import { KeysError } from './keys-error.ts';
import { kitPublicSizes } from './kit-id.ts';
import { isSignedKit, isSignedVoid, type KeyringKit, type KitVoid, type SignedBySite } from './kit-statements.ts';
import { signatureBytes, signingPublicBytes } from './signing.ts';

const message: CheckedMessageType = {
  type: messageType('Keyring'),
  version: 1,
  bytesMax: 512 * 1024, // All limits of keyringLimits reached at once are 440 KB.
  purpose: 'keyring',
};

export const keyringBytesMax = message.bytesMax;

/** The one encoding of a keyring: sorted, checksummed, in the clear. */
export function encodeKeyring(keyring: Keyring): Uint8Array {
  return encodeChecked(message, {
    realm_id: keyring.realmId,
    former_realm_ids: keyring.formerRealmIds,
    domains: keyring.domains.map(domainFields),
    data_keys: keyring.dataKeys.map(dataKeyFields),
    kits: keyring.kits.map(kitFields),
    kit_voids: keyring.kitVoids.map(signedFields),
  });
}

/** SHA-256 of the encoding: what members write into their logs. 32 bytes. */
export function keyringHash(keyring: Keyring): Uint8Array {
  return sha256(encodeKeyring(keyring));
}

/** Reads what encodeKeyring made, and nothing else. Throws KeysError 'keyring_damaged' or 'keyring_newer'. */
export function decodeKeyring(bytes: Uint8Array): Keyring {
  const decoded = decodeChecked(message, bytes);
  if ('newer' in decoded) throw newerKeyring(decoded.newer, message.version);
  if ('damage' in decoded) throw damagedKeyring(decoded.damage);
  try {
    const keyring = keyringOf(decoded.fields);
    if (!equalBytes(encodeKeyring(keyring), bytes)) throw new BadField('not in canonical form');
    return keyring;
  } catch (error) {
    if (error instanceof BadField) throw damagedKeyring(error.message);
    throw error;
  }
}

export function damagedKeyring(why: string, cause?: unknown): KeysError {
  const advice = 'Take another copy of the keyring: every peer, disk, tape and bucket of the realm has one.';
  return new KeysError('keyring_damaged', `the keyring is damaged: ${why}`, advice, { cause });
}

export function newerKeyring(version: number, known: number): KeysError {
  const message = `the keyring has version ${version}; this Sitepair reads version ${known}`;
  return new KeysError('keyring_newer', message, 'Upgrade Sitepair on this machine to at least what its peers run.');
}

function keyringOf(fields: Fields): Keyring {
  const formerRealmIds = listField(fields, 'former_realm_ids', keyringLimits.formerRealmIds).map((id) =>
    toRealmId(exactBytes(id, 'former_realm_ids', realmIdBytes)),
  );
  const domains = listField(fields, 'domains', keyringLimits.domains).map((entry) => domainOf(messageEntry(entry)));
  const dataKeys = listField(fields, 'data_keys', keyringLimits.dataKeys).map((entry) =>
    dataKeyOf(messageEntry(entry)),
  );
  const kits = listField(fields, 'kits', keyringLimits.kits).map((entry) => kitOf(messageEntry(entry)));
  const kitVoids = listField(fields, 'kit_voids', keyringLimits.kitVoids).map((entry) => voidOf(messageEntry(entry)));
  refuseDisorder('former_realm_ids', formerRealmIds);
  refuseDisorder(
    'domains',
    domains.map((domain) => domain.domainId),
  );
  refuseDisorder(
    'data_keys',
    dataKeys.map((key) => key.keyId),
  );
  refuseDisorder('kits', kits.map(signedId));
  refuseDisorder('kit_voids', kitVoids.map(signedId));
  const realmId = toRealmId(bytesField(fields, 'realm_id', realmIdBytes));
  if (formerRealmIds.some((id) => equalBytes(id, realmId))) throw new BadField('the realm id is among the former ones');
  return normalKeyring({ realmId, formerRealmIds, domains, dataKeys, kits, kitVoids });
}

function refuseDisorder(name: string, ids: readonly Uint8Array[]): void {
  for (let i = 1; i < ids.length; i++) {
    if (compareBytes(ids[i - 1]!, ids[i]!) >= 0) throw new BadField(`${name} are not in order`);
  }
}

// Proto3 leaves default values out, so a time of 0 has no field.
const unlessZero = (name: string, value: number): Fields => (value === 0 ? {} : { [name]: value });

function domainFields(domain: Domain): Fields {
  return {
    domain_id: domain.domainId,
    id_key: domain.idKey,
    chunker_key: domain.chunkerKey,
    origin_site_id: domain.originSiteId,
    ...unlessZero('created_seconds', domain.createdSeconds),
  };
}

function domainOf(fields: Fields): Domain {
  return {
    domainId: toDomainId(bytesField(fields, 'domain_id', domainIdBytes)),
    idKey: bytesField(fields, 'id_key', 32),
    chunkerKey: bytesField(fields, 'chunker_key', 32),
    originSiteId: toSiteId(bytesField(fields, 'origin_site_id', siteIdBytes)),
    createdSeconds: countField(fields, 'created_seconds'),
  };
}

function dataKeyFields(dataKey: DataKey): Fields {
  return {
    key_id: dataKey.keyId,
    key: dataKey.key,
    ...unlessZero('created_seconds', dataKey.createdSeconds),
    by_site_id: dataKey.bySiteId,
  };
}

function dataKeyOf(fields: Fields): DataKey {
  return {
    keyId: toDataKeyId(bytesField(fields, 'key_id', dataKeyIdBytes)),
    key: bytesField(fields, 'key', 32),
    createdSeconds: countField(fields, 'created_seconds'),
    bySiteId: toSiteId(bytesField(fields, 'by_site_id', siteIdBytes)),
  };
}

function signedFields({ kitId, siteId, siteKey, siteSignature }: SignedBySite): Fields {
  return { kit_id: kitId, site_id: siteId, site_key: siteKey, site_signature: siteSignature };
}

function signedOf(fields: Fields): SignedBySite {
  return {
    kitId: toKitId(bytesField(fields, 'kit_id', kitIdBytes)),
    siteId: toSiteId(bytesField(fields, 'site_id', siteIdBytes)),
    siteKey: bytesField(fields, 'site_key', signingPublicBytes),
    siteSignature: bytesField(fields, 'site_signature', signatureBytes),
  };
}

function kitFields(kit: KeyringKit): Fields {
  return {
    ...signedFields(kit),
    x25519_public: kit.x25519Public,
    ml_kem_768_public: kit.mlKemPublic,
    ed25519_public: kit.signingPublic,
    ...unlessZero('created_seconds', kit.createdSeconds),
    kit_signature: kit.kitSignature,
  };
}

function kitOf(fields: Fields): KeyringKit {
  const kit = {
    ...signedOf(fields),
    x25519Public: bytesField(fields, 'x25519_public', kitPublicSizes.x25519),
    mlKemPublic: bytesField(fields, 'ml_kem_768_public', kitPublicSizes.mlKem),
    signingPublic: bytesField(fields, 'ed25519_public', kitPublicSizes.ed25519),
    createdSeconds: countField(fields, 'created_seconds'),
    kitSignature: bytesField(fields, 'kit_signature', signatureBytes),
  };
  if (!isSignedKit(kit)) throw new BadField('a kit is not signed by itself and its site');
  return kit;
}

function voidOf(fields: Fields): KitVoid {
  const voided = signedOf(fields);
  if (!isSignedVoid(voided)) throw new BadField('a voided kit is not signed by its site');
  return voided;
}
