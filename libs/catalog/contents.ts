import { asId, checkedName, type Totals } from '#model';
import { unreachable } from '#runtime';
import { codecOf } from '#wire';
import { malformedCatalog } from './catalog-errors.ts';
import type { CatalogEntry, EntryKind, Moment } from './entries.ts';
import {
  bytesField,
  bytesList,
  countField,
  type Fields,
  integerField,
  messageField,
  numberField,
  textField,
  textList,
} from './fields.ts';
import { hashBytes, publicKeyBytes } from './limits.ts';

/** The part of a body that a peer without keys works with; empty bytes and 0 are absent. */
export interface ClearPart {
  readonly snapshotId: Uint8Array;
  readonly datasetId: Uint8Array;
  readonly domainId: Uint8Array;
  readonly rootId: Uint8Array;
  readonly lockSeconds: number;
}

/** An entry taken apart: what everybody sees, what everybody reads, what only key holders read. */
export interface EntryParts {
  readonly clear: Partial<ClearPart> | undefined;
  readonly open: Uint8Array | undefined;
  readonly secret: Uint8Array | undefined;
}

const codec = (type: string) => codecOf<Fields>('catalog.proto', `sitepair.catalog.v1.${type}`);
const codecs = {
  siteDescribed: codec('SiteDescribed'),
  incarnationOpened: codec('IncarnationOpened'),
  memberAdded: codec('MemberAdded'),
  memberNamed: codec('MemberNamed'),
  memberRemoved: codec('MemberRemoved'),
  removalReason: codec('RemovalReason'),
  keyringHeld: codec('KeyringHeld'),
  datasetCreated: codec('DatasetCreated'),
  snapshotMade: codec('SnapshotMade'),
  copyMade: codec('CopyMade'),
  copyWithdrawn: codec('CopyWithdrawn'),
  agentEnrolled: codec('AgentEnrolled'),
  agentRevoked: codec('AgentRevoked'),
  keyRotated: codec('KeyRotated'),
  realmJoined: codec('RealmJoined'),
} as const;

const textMax = 1024;
const nameMax = 64;

/** Takes an entry apart. */
export function partsOf(entry: CatalogEntry): EntryParts {
  switch (entry.kind) {
    case 'incarnationOpened':
      return { clear: undefined, open: codecs.incarnationOpened.encode({ ...entry }), secret: undefined };
    case 'memberAdded': {
      const secret = entry.name === undefined ? undefined : codecs.memberNamed.encode({ name: entry.name });
      return { clear: undefined, open: codecs.memberAdded.encode({ ...entry }), secret };
    }
    case 'memberRemoved': {
      const secret = entry.reason === undefined ? undefined : codecs.removalReason.encode({ reason: entry.reason });
      return { clear: undefined, open: codecs.memberRemoved.encode({ ...entry }), secret };
    }
    case 'datasetCreated': {
      const { datasetId, domainId } = entry;
      return { clear: { datasetId, domainId }, open: undefined, secret: codecs.datasetCreated.encode({ ...entry }) };
    }
    case 'snapshotMade': {
      const { snapshotId, datasetId, domainId, rootId, lockSeconds } = entry;
      const clear = { snapshotId, datasetId, domainId, rootId, lockSeconds };
      return { clear, open: undefined, secret: codecs.snapshotMade.encode({ ...entry }) };
    }
    case 'copyMade':
    case 'copyWithdrawn': {
      const secret = codecs[entry.kind].encode({ ...entry });
      return { clear: { snapshotId: entry.snapshotId }, open: undefined, secret };
    }
    case 'siteDescribed':
    case 'keyringHeld':
    case 'agentEnrolled':
    case 'agentRevoked':
    case 'keyRotated':
    case 'realmJoined':
      return { clear: undefined, open: undefined, secret: codecs[entry.kind].encode({ ...entry }) };
    default:
      return unreachable(entry);
  }
}

/** True for kinds whose content everybody may read; the others have it in their secret part. */
export function isOpenKind(kind: EntryKind): boolean {
  return kind === 'incarnationOpened' || kind === 'memberAdded' || kind === 'memberRemoved';
}

/**
 * Puts an entry together. `content` is the open part of an open kind, else the secret part; `extra` is the secret part
 * of an open kind where it can be read. Throws AppError for what is no such entry.
 */
export function entryOf(
  kind: EntryKind,
  clear: ClearPart,
  content: Uint8Array,
  extra: Uint8Array | undefined,
): CatalogEntry {
  const fields = codecs[kind].decode(content);
  switch (kind) {
    case 'siteDescribed':
      return {
        kind,
        name: checkedName('site', textField(fields, 'name', nameMax)),
        addressText: textField(fields, 'addressText', textMax),
        coordinates: coordinatesOf(messageField(fields, 'coordinates')),
        addresses: textList(fields, 'addresses', textMax),
      };
    case 'incarnationOpened':
      return {
        kind,
        statement: bytesField(fields, 'statement'),
        kitSignature: bytesField(fields, 'kitSignature'),
        previousSignature: bytesField(fields, 'previousSignature'),
      };
    case 'memberAdded': {
      const name = extra === undefined ? undefined : textField(codecs.memberNamed.decode(extra), 'name', nameMax);
      return {
        kind,
        statement: bytesField(fields, 'statement'),
        countersignature: bytesField(fields, 'countersignature'),
        name: name === undefined ? undefined : checkedName('site', name),
      };
    }
    case 'memberRemoved': {
      const reason = extra === undefined ? undefined : textField(codecs.removalReason.decode(extra), 'reason', textMax);
      return { kind, siteId: asId('SiteId', bytesField(fields, 'siteId')), reason };
    }
    case 'keyringHeld':
      return {
        kind,
        keyringHash: bytesField(fields, 'keyringHash', hashBytes),
        dataKeyIds: bytesList(fields, 'dataKeyIds').map((id) => asId('KeyId', id)),
      };
    case 'datasetCreated':
      return {
        kind,
        datasetId: asId('DatasetId', clear.datasetId),
        domainId: asId('DomainId', clear.domainId),
        name: checkedName('dataset', textField(fields, 'name', nameMax)),
        host: textField(fields, 'host', textMax),
        paths: bytesList(fields, 'paths'),
      };
    case 'snapshotMade':
      return {
        kind,
        snapshotId: asId('SnapshotId', clear.snapshotId),
        datasetId: asId('DatasetId', clear.datasetId),
        domainId: asId('DomainId', clear.domainId),
        rootId: asId('RecordId', clear.rootId),
        lockSeconds: clear.lockSeconds,
        started: momentOf(messageField(fields, 'started')),
        finished: momentOf(messageField(fields, 'finished')),
        totals: totalsOf(messageField(fields, 'totals') ?? {}),
        host: textField(fields, 'host', textMax),
      };
    case 'copyMade':
      return {
        kind,
        snapshotId: asId('SnapshotId', clear.snapshotId),
        ownerSiteId: asId('SiteId', bytesField(fields, 'ownerSiteId')),
        where: checkedWhere(textField(fields, 'where', nameMax)),
        proved: momentOf(messageField(fields, 'proved')),
      };
    case 'copyWithdrawn':
      return {
        kind,
        snapshotId: asId('SnapshotId', clear.snapshotId),
        where: checkedWhere(textField(fields, 'where', nameMax)),
        reason: textField(fields, 'reason', textMax),
      };
    case 'agentEnrolled':
      return {
        kind,
        name: checkedName('agent', textField(fields, 'name', nameMax)),
        publicKey: bytesField(fields, 'publicKey', publicKeyBytes),
        datasetNames: textList(fields, 'datasetNames', nameMax),
      };
    case 'agentRevoked':
      return { kind, publicKey: bytesField(fields, 'publicKey', publicKeyBytes) };
    case 'keyRotated':
      return { kind, keyId: asId('KeyId', bytesField(fields, 'keyId')) };
    case 'realmJoined':
      return {
        kind,
        realmId: asId('RealmId', bytesField(fields, 'realmId')),
        formerRealmId: asId('RealmId', bytesField(fields, 'formerRealmId')),
      };
    default:
      return unreachable(kind);
  }
}

/** The clear part of a decoded body. */
export function clearOf(fields: Fields | undefined): ClearPart {
  const from = fields ?? {};
  return {
    snapshotId: bytesField(from, 'snapshotId'),
    datasetId: bytesField(from, 'datasetId'),
    domainId: bytesField(from, 'domainId'),
    rootId: bytesField(from, 'rootId'),
    lockSeconds: countField(from, 'lockSeconds'),
  };
}

function momentOf(fields: Fields | undefined): Moment {
  if (fields === undefined) return { seconds: 0, nanos: 0 };
  const nanos = countField(fields, 'nanos');
  if (nanos >= 1_000_000_000) throw malformedCatalog('a moment with too many nanoseconds');
  return { seconds: integerField(fields, 'seconds'), nanos };
}

function coordinatesOf(fields: Fields | undefined): { latitude: number; longitude: number } | undefined {
  if (fields === undefined) return undefined;
  return { latitude: numberField(fields, 'latitude'), longitude: numberField(fields, 'longitude') };
}

function totalsOf(fields: Fields): Totals {
  return {
    files: countField(fields, 'files'),
    directories: countField(fields, 'directories'),
    others: countField(fields, 'others'),
    contentBytes: countField(fields, 'contentBytes'),
    changedWhileRead: countField(fields, 'changedWhileRead'),
    unreadable: countField(fields, 'unreadable'),
  };
}

function checkedWhere(where: string): string {
  if (/^[A-Za-z0-9._:-]+$/.test(where)) return where;
  throw malformedCatalog('a copy is nowhere');
}
