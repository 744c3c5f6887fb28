import { asId, idLengths, type SiteId } from '#model';
import { assert, concatBytes, unreachable } from '#runtime';
import type { SignedBatch } from './batch.ts';
import { type ReadBody, readBody } from './body-codec.ts';
import { chainKeyOf } from './chains.ts';
import type { CatalogEntry, MemberAdded, MemberRemoved } from './entries.ts';
import type { BodySealer } from './ports.ts';
import { putDataset, putSnapshot } from './snapshot-rows.ts';
import { decodeIncarnationStatement } from './statements.ts';
import type { KeyTrust } from './trust.ts';
import { keyOf, order32, order64, Table } from './view-keys.ts';
import type { AgentView, BodyCounts, CopyView, StatementRow } from './view-rows.ts';
import type { ViewStore } from './view-store.ts';

/** Where copies lie that a new incarnation voids: the disks of the site itself. */
const ownStore = 'store';

// More kinds than any version will add: a site that makes them up does not grow the row. The rest counts as kind 0.
const unknownKindsMax = 64;

export interface ProjectionPorts {
  readonly views: ViewStore;
  readonly sealer: BodySealer;
  readonly trust: KeyTrust;
}

/** A site and a generation of its rows: their keys begin with it. Readers see one generation, a new one is built beside it. */
export function authorKey(siteId: Uint8Array, generation: number): Uint8Array {
  return concatBytes([siteId, order32(generation)]);
}

/** Turns the bodies of one batch into rows of its author. A batch that does not count leaves what is held, and nothing else. */
export function projectBatch(ports: ProjectionPorts, author: Uint8Array, batch: SignedBatch, counts: boolean): void {
  const unread: ReadBody[] = [];
  batch.bodies.forEach((bytes, index) => {
    const place = { siteId: batch.siteId, incarnationId: batch.incarnationId, seq: batch.seq, index };
    const body = readBody(bytes, place, ports.sealer);
    const position = positionOf(batch, index);
    if (body.state !== 'read') unread.push(body);
    if (isSnapshot(body)) projectSnapshot(ports.views, author, batch.siteId, body, position, !counts);
    else if (isDataset(body)) projectDataset(ports.views, author, batch.siteId, body, position, !counts);
    else if (counts && body.entry !== undefined) projectEntry(ports, author, batch, body.entry, position);
  });
  if (unread.length > 0) count(ports.views, author, unread);
}

/** Forgets what the author claimed about copies on its own disks. */
export function voidStoreCopies(views: ViewStore, author: Uint8Array): void {
  const claimed = [...views.range(keyOf(Table.copy, author))].map((row) => row.value as CopyView);
  for (const copy of claimed) if (copy.where === ownStore) removeCopy(views, author, copy.snapshotId, copy.where);
}

/** Number, seq, index, then what tells batches apart that share them: the order of a site's log. 40 bytes. */
function positionOf(batch: SignedBatch, index: number): Uint8Array {
  const place = [order32(batch.incarnationNumber), order64(batch.seq), order32(index)];
  return concatBytes([...place, batch.incarnationId, batch.hash.subarray(0, 8)]);
}

function isSnapshot({ kind, clear }: ReadBody): boolean {
  return kind === 'snapshotMade' && clear.snapshotId.length === idLengths.SnapshotId && isDatasetNamed(clear);
}

function isDataset({ kind, clear }: ReadBody): boolean {
  return kind === 'datasetCreated' && isDatasetNamed(clear);
}

function isDatasetNamed({ datasetId, domainId }: ReadBody['clear']): boolean {
  return datasetId.length === idLengths.DatasetId && domainId.length === idLengths.DomainId;
}

function projectSnapshot(
  views: ViewStore,
  author: Uint8Array,
  siteId: SiteId,
  { clear, entry }: ReadBody,
  position: Uint8Array,
  superseded: boolean,
): void {
  if (clear.rootId.length !== idLengths.RecordId) return;
  const read = entry?.kind === 'snapshotMade' ? entry : undefined;
  const view = {
    siteId,
    snapshotId: asId('SnapshotId', clear.snapshotId),
    datasetId: asId('DatasetId', clear.datasetId),
    domainId: asId('DomainId', clear.domainId),
    rootId: asId('RecordId', clear.rootId),
    lockSeconds: clear.lockSeconds,
    started: read?.started,
    finished: read?.finished,
    totals: read?.totals,
    host: read?.host,
    superseded,
  };
  putSnapshot(views, author, view, position);
}

function projectDataset(
  views: ViewStore,
  author: Uint8Array,
  siteId: SiteId,
  { clear, entry }: ReadBody,
  position: Uint8Array,
  superseded: boolean,
): void {
  const read = entry?.kind === 'datasetCreated' ? entry : undefined;
  const view = {
    siteId,
    datasetId: asId('DatasetId', clear.datasetId),
    domainId: asId('DomainId', clear.domainId),
    name: read?.name,
    host: read?.host,
    paths: read?.paths ?? [],
    superseded,
  };
  putDataset(views, author, view, position);
}

function projectEntry(
  ports: ProjectionPorts,
  author: Uint8Array,
  batch: SignedBatch,
  entry: CatalogEntry,
  position: Uint8Array,
): void {
  const { views } = ports;
  const { siteId } = batch;
  switch (entry.kind) {
    case 'snapshotMade':
    case 'datasetCreated':
      assert(false, 'these are projected from their clear part');
      break;
    case 'incarnationOpened':
      if (decodeIncarnationStatement(entry.statement).keepsCopies !== true) voidStoreCopies(views, author);
      break;
    case 'siteDescribed': {
      const { name, addressText, coordinates, addresses } = entry;
      views.put(keyOf(Table.described, author), { siteId, name, addressText, coordinates, addresses });
      break;
    }
    case 'memberAdded':
      projectAddition(ports, author, batch, entry, position);
      break;
    case 'memberRemoved':
      projectRemoval(views, author, batch, entry, position);
      break;
    case 'keyringHeld': {
      const { keyringHash, dataKeyIds } = entry;
      views.put(keyOf(Table.keyring, author), { siteId, keyringHash, dataKeyIds });
      break;
    }
    case 'copyMade': {
      const { snapshotId, ownerSiteId, where, proved } = entry;
      const copy: CopyView = { siteId, snapshotId, ownerSiteId, where, proved };
      views.put(copyKey(author, snapshotId, where), copy);
      views.put(keyOf(Table.copyBySnapshot, snapshotId, author, text(where)), null);
      break;
    }
    case 'copyWithdrawn':
      removeCopy(views, author, entry.snapshotId, entry.where);
      break;
    case 'agentEnrolled': {
      const key = keyOf(Table.agent, author, entry.publicKey);
      const { revoked } = (views.get(key) as AgentView | undefined) ?? { revoked: false };
      const { name, publicKey, datasetNames } = entry;
      views.put(key, { siteId, name, publicKey, datasetNames, revoked });
      break;
    }
    case 'agentRevoked': {
      const key = keyOf(Table.agent, author, entry.publicKey);
      const { name, datasetNames } = (views.get(key) as AgentView | undefined) ?? { name: undefined, datasetNames: [] };
      views.put(key, { siteId, name, publicKey: entry.publicKey, datasetNames, revoked: true });
      break;
    }
    case 'keyRotated':
      views.put(keyOf(Table.keyRotated, author, position), { siteId, keyId: entry.keyId });
      break;
    case 'realmJoined': {
      const { realmId, formerRealmId } = entry;
      views.put(keyOf(Table.realm, author, position), { siteId, realmId, formerRealmId });
      break;
    }
    default:
      unreachable(entry);
  }
}

function projectAddition(
  { views, trust }: ProjectionPorts,
  author: Uint8Array,
  batch: SignedBatch,
  added: MemberAdded,
  position: Uint8Array,
): void {
  const statement = trust.checkedAddition(batch.siteId, added);
  if (statement === undefined) return;
  const { siteId: targetId, role, publicKey } = statement;
  const row: StatementRow = { type: 'add', targetId, role, name: added.name, publicKey, ...whereSaid(batch) };
  views.put(keyOf(Table.statement, author, position), row);
}

function projectRemoval(
  views: ViewStore,
  author: Uint8Array,
  batch: SignedBatch,
  { siteId: targetId }: MemberRemoved,
  position: Uint8Array,
): void {
  const nothing = { role: 'full' as const, name: undefined, publicKey: undefined };
  const row: StatementRow = { type: 'remove', targetId, ...nothing, ...whereSaid(batch) };
  views.put(keyOf(Table.statement, author, position), row);
}

function whereSaid(batch: SignedBatch): Pick<StatementRow, 'authorId' | 'chainKey' | 'seq' | 'seen'> {
  const seen = new Map<string, number>();
  for (const head of batch.headsSeen) {
    const key = chainKeyOf(head.siteId, head.incarnationId);
    seen.set(key, Math.max(seen.get(key) ?? 0, head.seq));
  }
  const chainKey = chainKeyOf(batch.siteId, batch.incarnationId);
  return { authorId: batch.siteId, chainKey, seq: batch.seq, seen };
}

function count(views: ViewStore, author: Uint8Array, unread: readonly ReadBody[]): void {
  const key = keyOf(Table.counts, author);
  const before = (views.get(key) as BodyCounts | undefined) ?? { unknown: new Map(), sealed: 0, malformed: 0 };
  const unknown = new Map(before.unknown);
  let { sealed, malformed } = before;
  for (const body of unread) {
    if (body.state === 'sealed') sealed += 1;
    if (body.state === 'malformed') malformed += 1;
    if (body.state !== 'unknown') continue;
    const kind = unknown.size < unknownKindsMax || unknown.has(body.kindNumber) ? body.kindNumber : 0;
    unknown.set(kind, (unknown.get(kind) ?? 0) + 1);
  }
  const after: BodyCounts = { unknown, sealed, malformed };
  views.put(key, after);
}

function removeCopy(views: ViewStore, author: Uint8Array, snapshotId: Uint8Array, where: string): void {
  views.remove(copyKey(author, snapshotId, where));
  views.remove(keyOf(Table.copyBySnapshot, snapshotId, author, text(where)));
}

function copyKey(author: Uint8Array, snapshotId: Uint8Array, where: string): Uint8Array {
  return keyOf(Table.copy, author, snapshotId, text(where));
}

function text(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value, 'utf8'));
}
