export { realmFingerprint, siteFingerprint } from './fingerprint.ts';
export { createIdentity, decodeIdentity, encodeIdentity, type SiteIdentity } from './identity.ts';
export type {
  ContentHash,
  DataKeyId,
  DomainId,
  KitId,
  RealmId,
  RecordId,
  SiteId,
} from './ids.ts';
export {
  type Addition,
  createKeyring,
  type DataKey,
  type Domain,
  findDomain,
  isVoided,
  type Keyring,
  kitsInForce,
  newestDataKey,
  voidKit,
  withKit,
  withNewDataKey,
  withNewDomain,
} from './keyring.ts';
export { decodeKeyring, encodeKeyring, keyringHash } from './keyring-codec.ts';
export type { KeysErrorCode } from './keys-error.ts';
export { kitCode } from './kit-code.ts';
export { endorseKit, type KeyringKit, type KitVoid, type SignedBySite } from './kit-statements.ts';
export { type KitPage, parseKit, writeKitText } from './kit-text.ts';

export { contentHash, createRecordNamer, type RecordKind, type RecordNamer, recordId } from './naming.ts';
export { padmeLength } from './padme.ts';
export {
  hintMac,
  hintMacBytes,
  hintMacMatches,
  invitationSecret,
  pairHint,
  pairHintBytes,
  pairSecret,
  sixWords,
} from './pairing.ts';
export { createKitSeed, type KitSeed, openKit, type RecoveryKit } from './recovery-kit.ts';
export { kitIdsOfSealedKeyring, openSealedKeyring, sealKeyring } from './sealed-keyring.ts';
export {
  type HandshakeKey,
  handshakeKeyOf,
  handshakePublicOf,
  type SigningKey,
  sign,
  verify,
} from './signing.ts';
export { believedPart, type KitStatements, uniteKeyrings } from './unite-keyrings.ts';
export { sealTagBytes, xaesOpen, xaesSeal, xaesSealInto } from './xaes.ts';
