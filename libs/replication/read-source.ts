import { splitIds } from '#model';
import { Compression, decompressBody } from '#records';
import { AppError, concatBytes, equalBytes, toHex } from '#runtime';
import type { SnapshotSource } from '#snapshot';
import { decodeFrame, frameRawMaxBytes, nodePayloadMaxBytes, recordDamaged, sha256 } from '#wire';
import { contentMissing, protocolViolation, sessionCut } from './errors.ts';
import { Inbox } from './inbox.ts';
import { type ReadFrame, type ReadReply, type ReadRequest, readClientChannel, type TypedChannel } from './messages.ts';
import type { MessageChannel } from './ports.ts';

type ChunkItem = { readonly hash: Uint8Array; readonly content: Uint8Array | undefined };

/** The client's half of reading: every node and chunk is checked against its hash here, whoever sent it. PROTOCOL.md section 3. */
export class ReadSource implements SnapshotSource {
  readonly manifestHash: Uint8Array;
  readonly #channel: TypedChannel<ReadRequest, ReadReply>;
  readonly #answers = new Map<number, Inbox<ReadReply>>();
  #failure: { readonly error: unknown } | undefined;
  #nextRequest = 0;
  /** Compressed bytes that came in. */
  receivedBytes = 0;

  private constructor(channel: TypedChannel<ReadRequest, ReadReply>, manifestHash: Uint8Array) {
    this.#channel = channel;
    this.manifestHash = manifestHash;
    this.#readReplies().catch((error) => this.#fail(error));
  }

  /** Opens a snapshot; what is missing here comes from `fromSite`, or from any peer when that is empty. */
  static async open(
    raw: MessageChannel,
    snapshotId: Uint8Array,
    fromSite: Uint8Array = new Uint8Array(0),
  ): Promise<ReadSource> {
    const channel = readClientChannel(raw);
    await channel.send({ open: { snapshotId, fromSite } });
    const reply = await channel.receive();
    if (reply === undefined) throw sessionCut();
    if (!reply.opened) throw protocolViolation('a snapshot that did not open');
    return new ReadSource(channel, reply.opened.manifestHash);
  }

  async node(hash: Uint8Array): Promise<Uint8Array> {
    const request = this.#nextRequest++;
    const answers = await this.#request(request, { nodes: { request, hashes: hash } });
    let payload: Uint8Array | undefined;
    for (;;) {
      const reply = await answers.next();
      if (reply.node) {
        this.receivedBytes += reply.node.body.length;
        payload = decompressBody(
          { compression: compressionOf(reply.node.compression), body: reply.node.body },
          nodePayloadMaxBytes,
        );
        if (!equalBytes(sha256(payload), hash)) throw recordDamaged('a node came with another content');
      } else if (reply.done) break;
    }
    this.#answers.delete(request);
    if (payload === undefined) throw contentMissing(`the node ${toHex(hash).slice(0, 12)}`);
    return payload;
  }

  async *chunks(hashes: readonly Uint8Array[]): AsyncGenerator<ChunkItem> {
    if (hashes.length === 0) return;
    const request = this.#nextRequest++;
    const answers = await this.#request(request, { chunks: { request, hashes: concatBytes(hashes) } });
    try {
      for (;;) {
        const reply = await answers.next();
        if (reply.frame) yield* this.#open(reply.frame);
        else if (reply.done) {
          for (const hash of splitIds('ContentHash', reply.done.missingHashes)) yield { hash, content: undefined };
          return;
        }
      }
    } finally {
      this.#answers.delete(request);
    }
  }

  async close(): Promise<void> {
    await this.#channel.raw.end();
  }

  *#open(frame: ReadFrame): Generator<ChunkItem> {
    this.receivedBytes += frame.body.length;
    const raw = decompressBody({ compression: compressionOf(frame.compression), body: frame.body }, frameRawMaxBytes);
    const chunks = decodeFrame(raw);
    const hashes = splitIds('ContentHash', frame.hashes);
    if (hashes.length !== frame.places.length) throw protocolViolation('places and hashes do not pair');
    for (const [i, hash] of hashes.entries()) {
      const content = chunks[frame.places[i] ?? -1];
      if (content === undefined || !equalBytes(sha256(content), hash))
        throw recordDamaged('a chunk came with another content');
      yield { hash, content };
    }
  }

  async #request(request: number, message: ReadRequest): Promise<Inbox<ReadReply>> {
    if (this.#failure !== undefined) throw this.#failure.error;
    const answers = new Inbox<ReadReply>();
    this.#answers.set(request, answers);
    await this.#channel.send(message);
    return answers;
  }

  async #readReplies(): Promise<void> {
    for (let reply = await this.#channel.receive(); reply !== undefined; reply = await this.#channel.receive()) {
      const request = (reply.node ?? reply.frame ?? reply.done)?.request;
      if (request === undefined) throw protocolViolation('an answer of no known kind');
      this.#answers.get(request)?.push(reply);
    }
    throw sessionCut();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    for (const answers of this.#answers.values()) answers.fail(error);
  }
}

function compressionOf(value: number): Compression {
  if (value === Compression.stored || value === Compression.zstd) return value;
  throw new AppError(`contents came compressed by an unknown method ${value}`, {
    code: 'version_too_new',
    advice: 'Update this client to the version of the appliance.',
  });
}
