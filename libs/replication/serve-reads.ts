import { asId, type ContentHash, type DomainId, type RecordId, splitIds } from '#model';
import { Compression, decompressBody, type KeyBook, openBody, openNode } from '#records';
import { concatBytes, toHex } from '#runtime';
import { decodeFrame, encodeFrame, frameRawMaxBytes, type RecordView } from '#wire';
import { contentMissing, protocolViolation } from './errors.ts';
import { type FetchFromPeers, type Found, findContent } from './find-content.ts';
import { type ReadReply, type ReadRequest, readServerChannel, type TypedChannel } from './messages.ts';
import type { MessageChannel, RecordStore } from './ports.ts';
import { VisibleIds } from './visible-ids.ts';

export interface ReadOptions {
  readonly store: RecordStore;
  readonly keys: KeyBook;
  /** Checks that this client may read the snapshot and says in which domain it lies; throws a typed error. */
  open(snapshotId: Uint8Array): { readonly domainId: DomainId } | Promise<{ readonly domainId: DomainId }>;
  /** Undefined: only what is here. The argument is the site the client asked for, or empty. */
  fetcher(fromSite: Uint8Array): FetchFromPeers | undefined;
  /**
   * True for agents: chunks are cut out of their frame, whose other chunks may be somebody else's; and what no node refers
   * to that this channel has given out is as if it were not here, so that a hash alone opens nothing.
   */
  readonly cutOut: boolean;
}

/** Hashes in one request at most: PROTOCOL.md section 3. */
const hashesMax = 8192;

/** Serves one channel of service "read": one snapshot, request after request, until the client ends. */
export async function serveReads(raw: MessageChannel, options: ReadOptions): Promise<void> {
  const channel = readServerChannel(raw);
  const first = await channel.receive();
  if (first === undefined) return;
  if (!first.open) throw protocolViolation('a reader did not begin with its snapshot');
  const snapshotId = asId('SnapshotId', first.open.snapshotId);
  const { domainId } = await options.open(snapshotId);
  const reader = new Reader(channel, options, domainId, options.fetcher(first.open.fromSite));
  await reader.openManifest(snapshotId);
  for (let request = await channel.receive(); request !== undefined; request = await channel.receive()) {
    if (request.nodes) await reader.sendNodes(request.nodes.request, splitIds('ContentHash', request.nodes.hashes));
    else if (request.chunks)
      await reader.sendChunks(request.chunks.request, splitIds('ContentHash', request.chunks.hashes));
    else throw protocolViolation('a request of no known kind');
  }
  await raw.end();
}

class Reader {
  readonly #channel: TypedChannel<ReadReply, ReadRequest>;
  readonly #options: ReadOptions;
  readonly #domainId: DomainId;
  readonly #fetch: FetchFromPeers | undefined;
  readonly #visible: VisibleIds | undefined;

  constructor(
    channel: TypedChannel<ReadReply, ReadRequest>,
    options: ReadOptions,
    domainId: DomainId,
    fetch: FetchFromPeers | undefined,
  ) {
    this.#channel = channel;
    this.#options = options;
    this.#domainId = domainId;
    this.#fetch = fetch;
    this.#visible = options.cutOut ? new VisibleIds() : undefined;
  }

  async openManifest(snapshotId: RecordId): Promise<void> {
    this.#visible?.add([snapshotId]);
    for await (const found of this.#find([snapshotId])) {
      if ('missing' in found) throw contentMissing('the snapshot');
      await this.#channel.send({ opened: { manifestHash: openNode(this.#options.keys, found.record).hash } });
      return;
    }
  }

  async sendNodes(request: number, hashes: readonly ContentHash[]): Promise<void> {
    const { ids, hashOf } = this.#named('node', hashes);
    let missing: readonly RecordId[] = [];
    for await (const found of this.#find(ids)) {
      if ('missing' in found) missing = found.missing;
      else {
        this.#visible?.add(found.record.references);
        for (const id of found.ids)
          await this.#channel.send({
            node: { request, hash: hashOf(id), ...openBody(this.#options.keys, found.record) },
          });
      }
    }
    await this.#channel.send({ done: { request, missingHashes: concatBytes(missing.map(hashOf)) } });
  }

  async sendChunks(request: number, hashes: readonly ContentHash[]): Promise<void> {
    const { ids, hashOf } = this.#named('leaf', hashes);
    let missing: readonly RecordId[] = [];
    for await (const found of this.#find(ids)) {
      if ('missing' in found) missing = found.missing;
      else await this.#channel.send({ frame: this.#frame(request, found.record, found.ids, hashOf) });
    }
    await this.#channel.send({ done: { request, missingHashes: concatBytes(missing.map(hashOf)) } });
  }

  #frame(request: number, record: RecordView, wanted: readonly RecordId[], hashOf: (id: RecordId) => ContentHash) {
    const placeOf = new Map(record.ids.map((id, place) => [toHex(id), place]));
    const places = wanted.map((id) => placeOf.get(toHex(id)) ?? 0);
    const hashes = concatBytes(wanted.map(hashOf));
    const body = openBody(this.#options.keys, record);
    if (!this.#options.cutOut) return { request, places, hashes, ...body };
    const chunks = decodeFrame(decompressBody(body, frameRawMaxBytes), record.ids.length);
    const cut = places.flatMap((place) => chunks[place] ?? []);
    return { request, places: cut.map((_, i) => i), hashes, compression: Compression.stored, body: encodeFrame(cut) };
  }

  #named(kind: 'leaf' | 'node', hashes: readonly ContentHash[]) {
    if (hashes.length === 0 || hashes.length > hashesMax) throw protocolViolation('a request of impossible size');
    const ids = this.#options.keys.namer(this.#domainId).nameAll(kind, hashes);
    const hashById = new Map(ids.map((id, i) => [toHex(id), hashes[i] as ContentHash]));
    return {
      ids: [...new Map(ids.map((id) => [toHex(id), id])).values()],
      hashOf: (id: RecordId) => hashById.get(toHex(id)) as ContentHash,
    };
  }

  async *#find(ids: readonly RecordId[]): AsyncGenerator<Found> {
    const visible = this.#visible;
    const hidden = visible === undefined ? [] : ids.filter((id) => !visible.has(id));
    const shown = hidden.length === 0 ? ids : ids.filter((id) => visible?.has(id));
    let missing: readonly RecordId[] = hidden;
    for await (const found of findContent(this.#options.store, this.#domainId, shown, this.#fetch)) {
      if ('missing' in found) missing = [...hidden, ...found.missing];
      else yield found;
    }
    if (missing.length > 0) yield { missing };
  }
}
