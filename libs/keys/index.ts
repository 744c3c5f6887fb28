export { realmFingerprint, siteFingerprint } from './fingerprint.ts';
export { createIdentity, decodeIdentity, encodeIdentity, type SiteIdentity, withNewKey } from './identity.ts';
export {
  type ContentHash,
  contentHashBytes,
  type DataKeyId,
  type DomainId,
  dataKeyIdBytes,
  domainIdBytes,
  type KitId,
  kitIdBytes,
  type RealmId,
  type RecordId,
  realmIdBytes,
  recordIdBytes,
  type SiteId,
  siteIdBytes,
  toContentHash,
  toDataKeyId,
  toDomainId,
  toKitId,
  toRealmId,
  toRecordId,
  toSiteId,
} from './ids.ts';
export {
  type Addition,
  createKeyring,
  type DataKey,
  type Domain,
  findDataKey,
  findDomain,
  findKit,
  type Keyring,
  type KeyringKit,
  keyringLimits,
  newestDataKey,
  voidKit,
  withKit,
  withNewDataKey,
  withNewDomain,
} from './keyring.ts';
export { decodeKeyring, encodeKeyring, keyringBytesMax, keyringHash } from './keyring-codec.ts';
export { KeysError, type KeysErrorCode, SealError } from './keys-error.ts';
export { kitCode } from './kit-code.ts';
export { type KitPage, parseKit, writeKitText } from './kit-text.ts';
export { kitWords } from './kit-words.ts';
export { contentHash, createRecordNamer, type RecordKind, type RecordNamer, recordId, recordKinds } from './naming.ts';
export { padmeLength } from './padme.ts';
export {
  hintMac,
  hintMacBytes,
  hintMacMatches,
  invitationSecret,
  pairHint,
  pairHintBytes,
  pairSecret,
  pairSecretBytes,
  sixWords,
} from './pairing.ts';
export { createKitSeed, type KitSeed, kitPublic, kitSeedBytes, openKit, type RecoveryKit } from './recovery-kit.ts';
export {
  kitIdsOfSealedKeyring,
  openSealedKeyring,
  sealedKeyringBytesMax,
  sealKeyring,
} from './sealed-keyring.ts';
export {
  type HandshakeKey,
  handshakeKeyOf,
  handshakePublicOf,
  type SigningKey,
  sign,
  signatureBytes,
  signingKeyOf,
  signingPublicBytes,
  signingSeedBytes,
  verify,
} from './signing.ts';
export { uniteKeyrings } from './unite-keyrings.ts';
export { sealKeyBytes, sealNonceBytes, sealTagBytes, xaesOpen, xaesSeal, xaesSealInto } from './xaes.ts';
