import { equalBytes, toHex } from '#runtime';
import type { Catalog } from './catalog.ts';
import { exchangeEnded, notConverged } from './catalog-errors.ts';
import { type ChainHeads, everything, type Scope } from './heads.ts';
import { PeerState } from './peer-state.ts';
import { Serial } from './serial.ts';
import {
  batchesBytesMax,
  batchesInMessageMax,
  type CatalogMessage,
  decodeCatalogMessage,
  encodeCatalogMessage,
  type HeadsMessage,
} from './sync-messages.ts';

/** An ordered stream of messages each way. `receive` gives undefined once the other end has ended. */
export interface MessageChannel {
  send(message: Uint8Array): Promise<void>;
  receive(): Promise<Uint8Array | undefined>;
}

export interface SyncOptions {
  /** What may go to this peer: `catalog.scopeFor(...)`; everything unless told. */
  readonly scope?: Scope | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Called once it is known that the peer holds nothing of this site's own logs that is not held here: a site whose disk was
   * set back has heard of it by then, and writes nothing that would fork its log.
   */
  readonly onHeard?: (() => void) | undefined;
}

/**
 * Keeps two catalogs equal for as long as the channel lives: both ends call this. Each sends what the other lacks, then
 * what is added. Resolves when the other end ends or the signal aborts; rejects with what the channel or the catalog
 * rejects with, and with `catalog_malformed` for a peer that does not speak this protocol.
 */
export async function syncCatalog(catalog: Catalog, channel: MessageChannel, options: SyncOptions = {}): Promise<void> {
  await new Exchange(catalog, channel, options, false).run();
}

/**
 * Resolves once both catalogs hold the same, and the other end knows it, too. Rejects with `catalog_not_converged` when
 * nothing more can be exchanged and they differ, with `catalog_exchange_ended` when the other end or the signal ends it.
 */
export async function convergeCatalog(
  catalog: Catalog,
  channel: MessageChannel,
  options: SyncOptions = {},
): Promise<void> {
  await new Exchange(catalog, channel, options, true).run();
}

/** One end of an exchange. */
class Exchange {
  readonly #catalog: Catalog;
  readonly #channel: MessageChannel;
  readonly #scope: Scope;
  readonly #signal: AbortSignal | undefined;
  readonly #once: boolean;
  #onHeard: (() => void) | undefined;
  readonly #sending = new Serial();
  readonly #stops = new Set<() => void>();
  #wake = Promise.withResolvers<void>();
  #isOver = false;
  #peer: PeerState | undefined;
  /** What the other end was last told. */
  #told: HeadsMessage | undefined;
  #messagesSent = 0;
  #messagesReceived = 0;
  /** The peer's version, and our digest, for which everything was sent. */
  #served = { version: 0, digest: '' };
  readonly #refused = new Map<string, number>();

  constructor(catalog: Catalog, channel: MessageChannel, { scope, signal, onHeard }: SyncOptions, once: boolean) {
    this.#catalog = catalog;
    this.#channel = channel;
    this.#scope = scope ?? everything;
    this.#signal = signal;
    this.#once = once;
    this.#onHeard = onHeard;
  }

  async run(): Promise<void> {
    const unsubscribe = this.#catalog.onChange(() => this.#wake.resolve());
    const onAbort = () => this.#stop();
    this.#signal?.addEventListener('abort', onAbort, { once: true });
    if (this.#signal?.aborted) this.#stop();
    try {
      await this.#tell();
      await Promise.all([this.#stopAfter(this.#receive()), this.#stopAfter(this.#serve())]);
    } finally {
      unsubscribe();
      this.#signal?.removeEventListener('abort', onAbort);
    }
    if (this.#once && !this.#agrees()) throw exchangeEnded();
  }

  async #stopAfter(loop: Promise<void>): Promise<void> {
    try {
      await loop;
    } finally {
      this.#stop();
    }
  }

  #stop(): void {
    this.#isOver = true;
    for (const stop of this.#stops) stop();
    this.#wake.resolve();
  }

  async #receive(): Promise<void> {
    while (!this.#isOver) {
      const bytes = await this.#unlessStopped(this.#channel.receive());
      if (bytes === undefined) return;
      const message = decodeCatalogMessage(bytes);
      if (message.type === 'heads') this.#peer = new PeerState(message);
      else await this.#take(message.signed, message.last);
      this.#noteHeard();
      this.#wake.resolve();
    }
  }

  async #take(signed: readonly Uint8Array[], last: boolean): Promise<void> {
    // First, so that the change does not send the peer its own batches back.
    for (const batch of signed) this.#peer?.holds(batch);
    const { refused } = await this.#catalog.accept(signed);
    for (const { reason } of refused) this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
    this.#messagesReceived += 1;
    if (last) await this.#tell();
  }

  /** Sends what the peer lacks whenever either side has changed, until the exchange is over. */
  async #serve(): Promise<void> {
    while (!this.#isOver) {
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
      if (this.#isOver) return;
      const peer = this.#peer;
      // Until the peer has worked in what was sent, nobody knows what it lacks.
      if (peer === undefined || peer.heads.batchesReceived !== this.#messagesSent) continue;
      await this.#serveOnce(peer);
      if (this.#once && this.#agrees()) return;
      if (this.#once) this.#failWhenFinal();
    }
  }

  async #serveOnce(peer: PeerState): Promise<void> {
    const { version } = peer.heads;
    const digest = toHex(this.#catalog.digest(this.#scope));
    if (this.#served.version === version && this.#served.digest === digest) return;
    let message: Uint8Array[] = [];
    let bytes = 0;
    for await (const { signedBytes } of this.#catalog.batchesAfter(peer.chains(), this.#scope)) {
      if (this.#isOver) return;
      if (bytes + signedBytes.length > batchesBytesMax || message.length >= batchesInMessageMax) {
        await this.#sendBatches(message, false);
        message = [];
        bytes = 0;
      }
      message.push(signedBytes);
      bytes += signedBytes.length;
    }
    if (message.length > 0) await this.#sendBatches(message, true);
    this.#served = { version, digest };
    const isNews = this.#told?.servedVersion !== version || toHex(this.#told.digest) !== digest;
    if (isNews) await this.#tell();
  }

  async #sendBatches(signed: readonly Uint8Array[], last: boolean): Promise<void> {
    this.#messagesSent += 1;
    await this.#send({ type: 'batches', signed, last });
  }

  /** What `promise` gives, or undefined as soon as the exchange is over: a channel may let one wait for ever. */
  #unlessStopped<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const stop = () => resolve(undefined);
      const forget = () => this.#stops.delete(stop);
      this.#stops.add(stop);
      if (this.#isOver) stop();
      promise.then(resolve, reject).then(forget, forget);
    });
  }

  /** Tells what is held now. */
  async #tell(): Promise<void> {
    const digest = this.#catalog.digest(this.#scope);
    const before = this.#told;
    const isSame = before !== undefined && equalBytes(before.digest, digest);
    const heads: HeadsMessage = {
      type: 'heads',
      version: isSame ? before.version : (before?.version ?? 0) + 1,
      digest,
      chains: this.#catalog.chainHeads(this.#scope),
      batchesReceived: this.#messagesReceived,
      // What was sent before the last change is no longer all that could be sent.
      servedVersion: this.#served.digest === toHex(digest) ? this.#served.version : 0,
    };
    this.#told = heads;
    await this.#send(heads);
  }

  async #send(message: CatalogMessage): Promise<void> {
    const bytes = encodeCatalogMessage(message);
    await this.#sending.run(async () => {
      if (!this.#isOver) await this.#unlessStopped(this.#channel.send(bytes));
    });
  }

  #noteHeard(): void {
    if (this.#onHeard === undefined || this.#peer === undefined) return;
    const { siteId } = this.#catalog;
    const held = this.#catalog.heads((one) => equalBytes(one, siteId));
    const isHeld = ({ siteId: of, incarnationId, tips }: ChainHeads) =>
      !equalBytes(of, siteId) ||
      tips.every(({ seq }) => held.some((head) => equalBytes(head.incarnationId, incarnationId) && head.seq >= seq));
    if (!this.#peer.chains().every(isHeld)) return;
    this.#onHeard();
    this.#onHeard = undefined;
  }

  /** True when both hold the same, and the peer was told. */
  #agrees(): boolean {
    const [peer, told] = [this.#peer?.heads, this.#told];
    if (peer === undefined || told === undefined || peer.batchesReceived !== this.#messagesSent) return false;
    const digest = this.#catalog.digest(this.#scope);
    return equalBytes(peer.digest, digest) && equalBytes(told.digest, digest);
  }

  /** Nothing more will come from either end when each has sent all it could to the other as it is now. */
  #failWhenFinal(): void {
    const [peer, told] = [this.#peer?.heads, this.#told];
    if (peer === undefined || told === undefined || peer.batchesReceived !== this.#messagesSent) return;
    const isPeerDone = peer.servedVersion === told.version;
    const isDone = this.#served.version === peer.version && this.#served.digest === toHex(told.digest);
    if (isPeerDone && isDone) throw notConverged(Object.fromEntries(this.#refused));
  }
}
