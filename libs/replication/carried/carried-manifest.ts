import { type SiteIdentity, sign, verify } from '#keys';
import { asId, type DatasetId, type DomainId, type RealmId, type SiteId, type SnapshotId } from '#model';
import { isAppError } from '#runtime';
import { codecOf } from '#wire';
import { carriedAltered, carriedTooNew } from './carried-errors.ts';

/** The limits of CARRIED.md section 1: 2^20 packs are 64 TiB. */
export const manifestBytesMax = 64 * 1024 * 1024;
const labelBytesMax = 4096;
const packsMax = 1_048_576;
export const carriedSnapshotsMax = 65_536;
/** A pack is closed at 64 MiB and has at most one group of 16 MiB more, and its footer. */
const carriedPackBytesMax = 128 * 1024 * 1024;
const format = 1;
const hashBytes = 32;
const diskIdBytes = 16;

/** Whose disk it is, and for whom. */
export interface CarriedLabel {
  readonly realmId: RealmId;
  readonly exporterSiteId: SiteId;
  readonly addresseeSiteId: SiteId;
  /** 16 bytes. */
  readonly diskId: Uint8Array;
}

export interface CarriedSnapshot {
  readonly snapshotId: SnapshotId;
  readonly datasetId: DatasetId;
  readonly domainId: DomainId;
}

/** A pack as it was read back; `sha256` is of the whole file. */
export interface CarriedPack {
  readonly number: number;
  readonly bytes: number;
  readonly sha256: Uint8Array;
}

export interface CarriedManifest {
  readonly label: CarriedLabel;
  readonly writtenSeconds: number;
  readonly edition: number;
  readonly snapshots: readonly CarriedSnapshot[];
  readonly packs: readonly CarriedPack[];
  readonly catalogBytes: number;
  readonly catalogSha256: Uint8Array;
}

/** What was decoded, and what its signature is of: nothing in it may be believed before `isSignedBy`. */
export interface Unverified<T> {
  readonly value: T;
  isSignedBy(publicKey: Uint8Array): boolean;
}

type WireLabel = CarriedLabel & { readonly format: number };
type WireManifest = Omit<CarriedManifest, 'label'> & { readonly label: WireLabel | null };

const signedCodec = codecOf<{ content: Uint8Array; signature: Uint8Array }>(
  'carried.proto',
  'sitepair.carried.v1.Signed',
);
const labelCodec = codecOf<WireLabel>('carried.proto', 'sitepair.carried.v1.Label');
const manifestCodec = codecOf<WireManifest>('carried.proto', 'sitepair.carried.v1.Manifest');
const labelPurpose = 'carried label';
const manifestPurpose = 'carried manifest';

export function signLabel(label: CarriedLabel, { key }: SiteIdentity): Uint8Array {
  const content = labelCodec.encode({ ...label, format });
  return signedCodec.encode({ content, signature: sign(key, labelPurpose, content) });
}

export function signManifest(manifest: CarriedManifest, { key }: SiteIdentity): Uint8Array {
  const content = manifestCodec.encode({ ...manifest, label: { ...manifest.label, format } });
  return signedCodec.encode({ content, signature: sign(key, manifestPurpose, content) });
}

/** Throws `carried_altered` for what is no label, `carried_too_new`. */
export function decodeLabel(bytes: Uint8Array): Unverified<CarriedLabel> {
  if (bytes.length > labelBytesMax) throw carriedAltered('its label is larger than any');
  return opened(bytes, 'its label', labelPurpose, (content) => checkedLabel(labelCodec.decode(content)));
}

/** Decodes a manifest within its limits. Throws `carried_altered` for what is none, `carried_too_new`. */
export function decodeManifest(bytes: Uint8Array): Unverified<CarriedManifest> {
  return opened(bytes, 'its manifest', manifestPurpose, (content) => checkedManifest(manifestCodec.decode(content)));
}

function opened<T>(bytes: Uint8Array, what: string, purpose: string, decode: (content: Uint8Array) => T) {
  try {
    const { content, signature } = signedCodec.decode(bytes);
    const value = decode(content);
    return { value, isSignedBy: (publicKey: Uint8Array) => verify(publicKey, purpose, content, signature) };
  } catch (cause) {
    if (isAppError(cause, 'carried_altered') || isAppError(cause, 'carried_too_new')) throw cause;
    if (isAppError(cause)) throw carriedAltered(`${what} cannot be read`, cause);
    throw cause;
  }
}

function checkedLabel(label: WireLabel | null): CarriedLabel {
  if (label === null || label.format === 0) throw carriedAltered('its manifest names no disk');
  if (label.format > format) throw carriedTooNew(label.format);
  return {
    realmId: id('RealmId', label.realmId),
    exporterSiteId: id('SiteId', label.exporterSiteId),
    addresseeSiteId: id('SiteId', label.addresseeSiteId),
    diskId: exactly(label.diskId, diskIdBytes),
  };
}

function checkedManifest(manifest: WireManifest): CarriedManifest {
  if (manifest.packs.length > packsMax || manifest.snapshots.length > carriedSnapshotsMax)
    throw carriedAltered('its manifest lists too much');
  let before = -1;
  const packs = manifest.packs.map(({ number, bytes, sha256 }) => {
    const isGood = Number.isSafeInteger(number) && number > before && number <= 9_999_999_999;
    if (!isGood || !Number.isSafeInteger(bytes) || bytes <= 0 || bytes > carriedPackBytesMax)
      throw carriedAltered('its manifest lists an impossible pack');
    before = number;
    return { number, bytes, sha256: exactly(sha256, hashBytes) };
  });
  const { writtenSeconds, edition, catalogBytes } = manifest;
  for (const count of [writtenSeconds, edition, catalogBytes])
    if (!Number.isSafeInteger(count) || count < 0) throw carriedAltered('its manifest has an impossible number');
  return {
    label: checkedLabel(manifest.label),
    writtenSeconds,
    edition,
    snapshots: manifest.snapshots.map((one) => ({
      snapshotId: id('SnapshotId', one.snapshotId),
      datasetId: id('DatasetId', one.datasetId),
      domainId: id('DomainId', one.domainId),
    })),
    packs,
    catalogBytes,
    catalogSha256: exactly(manifest.catalogSha256, hashBytes),
  };
}

function id<N extends Parameters<typeof asId>[0]>(name: N, bytes: Uint8Array) {
  return asId<N>(name, bytes.slice());
}

function exactly(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw carriedAltered('its manifest has a field of wrong length');
  return bytes.slice();
}
