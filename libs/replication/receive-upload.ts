import {
  asId,
  type ContentHash,
  type DatasetId,
  type DomainId,
  type RecordId,
  type SessionId,
  type SiteId,
  type SnapshotId,
  splitIds,
} from '#model';
import { Compression, decompressBody, type KeyBook, sealLeaf, sealNode } from '#records';
import { AppError, equalBytes, type Random, type Timers, toHex } from '#runtime';
import { decodeFrame, frameRawMaxBytes, nodePayloadMaxBytes, type RecordView, recordLimits, sha256 } from '#wire';
import { encodeBits } from './bits.ts';
import { protocolViolation } from './errors.ts';
import { Inbox } from './inbox.ts';
import { Ingest } from './ingest.ts';
import { type TypedChannel, type UploadReply, type UploadRequest, uploadServerChannel } from './messages.ts';
import type { MessageChannel, RecordStore } from './ports.ts';
import { missingFrom } from './prove-closure.ts';
import type { VisibleIds } from './visible-ids.ts';

/** What an upload goes into, as the appliance decided when it began. */
export interface UploadTarget {
  readonly siteId: SiteId;
  readonly datasetId: DatasetId;
  readonly domainId: DomainId;
  readonly chunkerKey: Uint8Array;
  /** The newest complete snapshot of the dataset, and its manifest's hash. */
  readonly previous: { readonly snapshotId: SnapshotId; readonly manifestHash: Uint8Array } | undefined;
  /**
   * For agents: what earlier sessions of this dataset have sent. Have and closure then see nothing but this, what this
   * session sends (which is added), and the previous snapshot; what is stored already is not stored twice.
   */
  readonly visible?: VisibleIds;
}

export interface UploadOptions {
  readonly store: RecordStore;
  readonly keys: KeyBook;
  readonly random: Random;
  readonly timers: Timers;
  readonly windowBytes: number;
  /** True for agents: each chunk is hashed again before it can answer anybody's have. The admin's client is trusted; scrub checks. */
  readonly checkHashes: boolean;
  /** Finds or creates the dataset; throws a typed error when this client may not write to it. */
  begin(begin: NonNullable<UploadRequest['begin']>): Promise<UploadTarget>;
  /** Logs the snapshot durably; the last step. */
  recordSnapshot(target: UploadTarget, snapshotId: SnapshotId, manifest: Uint8Array): Promise<void>;
}

type UploadEvent =
  | { readonly type: 'request'; readonly request: UploadRequest }
  | { readonly type: 'durable'; readonly belowSequence: number }
  | { readonly type: 'failed'; readonly error: unknown };

/** Hashes in one question at most: PROTOCOL.md section 2. */
const haveHashesMax = 4096;

/** Requests read ahead of the one being worked on: at most 64 MiB of messages. */
const requestsAheadMax = 8;

/** Serves one channel of service "upload": names, seals and stores what a client sends, and proves it whole before it counts. */
export async function receiveUpload(raw: MessageChannel, options: UploadOptions): Promise<void> {
  const channel = uploadServerChannel(raw);
  const first = await channel.receive();
  if (first === undefined) return;
  if (!first.begin) throw protocolViolation('an upload did not begin with its dataset');
  const upload = new Upload(channel, await options.begin(first.begin), options);
  try {
    await upload.run();
  } finally {
    upload.dispose();
  }
}

class Upload {
  readonly #channel: TypedChannel<UploadReply, UploadRequest>;
  readonly #target: UploadTarget;
  readonly #options: UploadOptions;
  readonly #events = new Inbox<UploadEvent>();
  readonly #ingest: Ingest;
  #previousSeen: Promise<void> | undefined;
  #manifest: { readonly hash: Uint8Array; readonly payload: Uint8Array } | undefined;
  #lastNode: { readonly hash: Uint8Array; readonly payload: Uint8Array } | undefined;
  #records = 0;

  constructor(channel: TypedChannel<UploadReply, UploadRequest>, target: UploadTarget, options: UploadOptions) {
    this.#channel = channel;
    this.#target = target;
    this.#options = options;
    this.#ingest = new Ingest(
      options.store,
      options.timers,
      (belowSequence) => this.#events.push({ type: 'durable', belowSequence }),
      (error) => this.#events.push({ type: 'failed', error }),
    );
  }

  async run(): Promise<void> {
    const { target, windowBytes, sessionId } = {
      target: this.#target,
      windowBytes: this.#options.windowBytes,
      sessionId: this.#options.random.bytes(16) as SessionId,
    };
    const previousManifestHash = target.previous?.manifestHash ?? new Uint8Array(0);
    const { datasetId, siteId, chunkerKey } = target;
    await this.#channel.send({
      began: { sessionId, datasetId, siteId, chunkerKey, previousManifestHash, windowBytes },
    });
    this.#readRequests().catch((error) => this.#events.push({ type: 'failed', error }));
    for (;;) {
      const event = await this.#events.next();
      if (event.type === 'failed') throw event.error;
      if (event.type === 'durable') await this.#channel.send({ acknowledged: { belowSequence: event.belowSequence } });
      else if (await this.#take(event.request)) return;
    }
  }

  dispose(): void {
    this.#ingest.dispose();
  }

  /** Returns true after the commit. */
  async #take(request: UploadRequest): Promise<boolean> {
    if (request.have) await this.#answer(request.have);
    else if (request.leaf) await this.#storeLeaf(request.leaf);
    else if (request.node) await this.#storeNode(request.node);
    else if (request.commit) {
      await this.#commit(request.commit);
      return true;
    } else throw protocolViolation('a request of no known kind');
    return false;
  }

  async #readRequests(): Promise<void> {
    for (;;) {
      await this.#ingest.room(this.#options.windowBytes);
      await this.#events.room(requestsAheadMax);
      const request = await this.#channel.receive();
      if (request === undefined) throw uploadGivenUp();
      this.#events.push({ type: 'request', request });
      if (request.commit) return;
    }
  }

  async #answer({ batch, leafHashes, nodeHashes }: NonNullable<UploadRequest['have']>): Promise<void> {
    const leaves = splitIds('ContentHash', leafHashes);
    const nodes = splitIds('ContentHash', nodeHashes);
    if (leaves.length + nodes.length > haveHashesMax) throw protocolViolation('too many hashes in one question');
    const namer = this.#options.keys.namer(this.#target.domainId);
    const ids = [...namer.nameAll('leaf', leaves), ...namer.nameAll('node', nodes)];
    const { store } = this.#options;
    // Pending first: what becomes durable between the two questions is then seen by the second one.
    const pending = ids.map((id) => store.isPending(this.#target.domainId, id));
    const places = await store.locateMany(this.#target.domainId, ids);
    const visible = await this.#visible();
    const wanted = ids.map(
      (id, i) => (pending[i] !== true && places[i] === undefined) || (visible !== undefined && !visible.has(id)),
    );
    await this.#channel.send({ have: { batch, wanted: encodeBits(wanted) } });
  }

  async #storeLeaf(leaf: NonNullable<UploadRequest['leaf']>): Promise<void> {
    const hashes = splitIds('ContentHash', leaf.hashes);
    if (hashes.length === 0 || hashes.length > recordLimits.ids || leaf.body.length > frameRawMaxBytes)
      throw protocolViolation('a frame of impossible size');
    if (!isCompression(leaf.compression)) throw protocolViolation('a frame that is compressed by an unknown method');
    const frame = { compression: leaf.compression, body: leaf.body };
    if (this.#options.checkHashes) checkFrame(hashes, decompressBody(frame, frameRawMaxBytes));
    await this.#store(leaf.sequence, sealLeaf(this.#context(), hashes, frame));
  }

  async #storeNode(node: NonNullable<UploadRequest['node']>): Promise<void> {
    if (node.body.length > nodePayloadMaxBytes) throw protocolViolation('a node of impossible size');
    const body = { compression: node.compression as Compression, body: node.body };
    const payload = decompressBody(body, nodePayloadMaxBytes);
    if (!equalBytes(sha256(payload), node.hash)) throw protocolViolation('a node is not what its hash names');
    await this.#store(node.sequence, sealNode(this.#context(), asId('ContentHash', node.hash), payload, body));
    this.#lastNode = { hash: node.hash, payload };
  }

  async #store(sequence: number, record: RecordView): Promise<void> {
    if (sequence !== this.#records) throw protocolViolation('records out of order');
    this.#records += 1;
    const { visible, domainId } = this.#target;
    visible?.add(record.ids);
    // Who may not ask whether a content is here sends what others have sent: it was checked, and is kept once.
    const places = visible === undefined ? [undefined] : await this.#options.store.locateMany(domainId, record.ids);
    if (places.includes(undefined)) this.#ingest.take(sequence, record);
    else this.#ingest.skip(sequence);
  }

  /** Undefined for who may know of everything. Read when it is first needed: an upload that asks nothing waits for nothing. */
  async #visible(): Promise<VisibleIds | undefined> {
    const { visible, domainId, previous } = this.#target;
    if (visible === undefined || previous === undefined) return visible;
    this.#previousSeen ??= visible.addClosure(this.#options.store, domainId, previous.snapshotId);
    await this.#previousSeen;
    return visible;
  }

  async #commit({ manifestHash, records }: NonNullable<UploadRequest['commit']>): Promise<void> {
    this.#manifest = this.#lastNode;
    if (records !== this.#records) throw protocolViolation('it counts other records than it sent');
    if (this.#manifest === undefined || !equalBytes(this.#manifest.hash, manifestHash))
      throw protocolViolation('the last node is not the manifest');
    await this.#ingest.drain();
    const { domainId, previous } = this.#target;
    const snapshotId = this.#options.keys
      .namer(domainId)
      .name('node', asId('ContentHash', manifestHash)) as RecordId as SnapshotId;
    const visible = await this.#visible();
    const missing = await missingFrom(this.#options.store, domainId, snapshotId, previous?.snapshotId, { visible });
    if (missing.length > 0) throw incomplete(missing);
    await this.#options.recordSnapshot(this.#target, snapshotId, this.#manifest.payload);
    await this.#channel.send({ committed: { snapshotId } });
    await this.#channel.raw.end();
  }

  #context() {
    return { keys: this.#options.keys, domainId: this.#target.domainId, random: this.#options.random };
  }
}

function checkFrame(hashes: readonly ContentHash[], raw: Uint8Array): void {
  decodeFrame(raw, hashes.length).forEach((content, i) => {
    const hash = hashes[i];
    if (hash === undefined || !equalBytes(sha256(content), hash))
      throw protocolViolation('a chunk is not what its hash names');
  });
}

function isCompression(method: number): method is Compression {
  return method === Compression.stored || method === Compression.zstd;
}

function incomplete(missing: readonly RecordId[]): AppError {
  return new AppError(`the snapshot refers to ${missing.length} contents that are not stored here`, {
    code: 'snapshot_incomplete',
    advice: 'Run the backup again; if it happens again, run "sitepair store check".',
    details: { missing: missing.slice(0, 10).map((id) => toHex(id)) },
  });
}

function uploadGivenUp(): AppError {
  return new AppError('the client ended before its snapshot was complete', {
    code: 'upload_given_up',
    retryable: true,
    advice: 'Run the backup again: what was acknowledged is not sent a second time.',
  });
}
