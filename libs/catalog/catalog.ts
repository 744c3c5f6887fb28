import { join } from 'node:path';
import { asId, type IncarnationId, type SiteId } from '#model';
import {
  assert,
  type Clock,
  equalBytes,
  isAppError,
  makeFolderDurably,
  type Random,
  systemRandom,
  toHex,
} from '#runtime';
import type { Refusal, RefusalReason } from './admission.ts';
import { supersededEntries } from './adopt.ts';
import type { Head, SignedBatch } from './batch.ts';
import { BatchWriter, type Waiting } from './batch-writer.ts';
import { checkEntry } from './body-codec.ts';
import { catalogClosed } from './catalog-errors.ts';
import { streamLacking } from './causal-stream.ts';
import { type Chain, Chains, chainKeyOf } from './chains.ts';
import type { CatalogEntry } from './entries.ts';
import { type ChainHeads, chainHeadsOf, digestOf, everything, headsOf, type Scope } from './heads.ts';
import { type Accepted, acceptBatches, type IngestPorts, writeBatches } from './ingest.ts';
import { listProblems } from './list-problems.ts';
import { forgetDamage } from './log-check.ts';
import type { DamagedLog } from './log-files.ts';
import { isCurable, mendLogs } from './mend-logs.ts';
import { type NewIncarnation, prepareIncarnation } from './new-incarnation.ts';
import { openLogs } from './open-logs.ts';
import { OwnLog } from './own-log.ts';
import type { BodySealer, KnownSiteKeys, Signer, Verify } from './ports.ts';
import type { CatalogProblem } from './problems.ts';
import { CatalogViews } from './queries.ts';
import { Serial } from './serial.ts';
import { Sites } from './sites.ts';
import { strandedBatches } from './stranded-batches.ts';
import { currentOf } from './timeline.ts';
import { KeyTrust } from './trust.ts';
import { type LogVerification, verifyLogs } from './verify-logs.ts';
import { ViewStore } from './view-store.ts';

export interface CatalogOptions {
  /** Holds `logs`, `views` and `own.json`; one process at a time. */
  readonly folder: string;
  readonly siteId: SiteId;
  readonly signer: Signer;
  readonly verify: Verify;
  readonly sealer: BodySealer;
  readonly knownSiteKeys: KnownSiteKeys;
  readonly clock: Clock;
  readonly random?: Random;
}

/** A signed batch on its way to a peer. */
export interface StreamedBatch extends Head {
  readonly signedBytes: Uint8Array;
}

/**
 * The replicated record of a realm: the signed logs of all its sites, and views made of them. What `append` has resolved
 * for is on stable storage; nothing that is not is ever shown to a peer. CATALOG.md is the definition.
 */
export class Catalog implements AsyncDisposable {
  readonly siteId: SiteId;
  /** Questions to what the logs say. */
  readonly views: CatalogViews;
  readonly #options: CatalogOptions;
  readonly #store: ViewStore;
  readonly #chains: Chains;
  readonly #trust: KeyTrust;
  readonly #sites: Sites;
  readonly #own: OwnLog;
  readonly #writer: BatchWriter;
  readonly #ingest: IngestPorts;
  readonly #serial = new Serial();
  readonly #queue: Waiting[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #refusals = new Map<string, { reason: RefusalReason; siteId: SiteId | undefined; count: number }>();
  readonly #opened: CatalogProblem[] = [];
  #damaged: readonly DamagedLog[] = [];
  #signer: Signer;
  #broken: unknown;

  private constructor(options: CatalogOptions) {
    const { folder, siteId, verify, sealer, clock, knownSiteKeys } = options;
    makeFolderDurably(folder);
    this.#options = options;
    this.siteId = siteId;
    this.#signer = options.signer;
    this.#store = ViewStore.open(join(folder, 'views'));
    this.#chains = new Chains(this.#store);
    this.#trust = new KeyTrust(this.#store, knownSiteKeys, verify);
    this.#sites = new Sites(folder, { views: this.#store, sealer, trust: this.#trust }, this.#chains);
    this.#own = new OwnLog(folder, siteId);
    this.#writer = new BatchWriter({ chains: this.#chains, sealer, clock });
    this.views = new CatalogViews(this.#store, this.#sites, siteId);
    this.#ingest = {
      folder,
      verify,
      views: this.#store,
      chains: this.#chains,
      trust: this.#trust,
      sites: this.#sites,
      beforeWrite: (batch) => {
        if (equalBytes(batch.siteId, siteId) && !this.#heals(batch)) this.#own.foundElsewhere(batch.incarnationId);
      },
    };
  }

  /** Opens a catalog, or begins one; checks every byte of the logs and makes the views anew where they are not theirs. */
  static async open(options: CatalogOptions): Promise<Catalog> {
    const catalog = new Catalog(options);
    const { checks, damaged } = await openLogs(catalog.#ingest);
    for (const { name, state, badBytes } of checks) {
      if (state !== 'tail_cut') continue;
      const siteId = asId('SiteId', name.siteId);
      const incarnationId = asId('IncarnationId', name.incarnationId);
      catalog.#opened.push({ kind: 'tail_cut', siteId, incarnationId, bytes: badBytes });
    }
    catalog.#damaged = damaged;
    await catalog.#takeStranded();
    catalog.#forgetHealed();
    return catalog;
  }

  /**
   * Adds entries to this site's log. Resolves once they are on stable storage and shown; many calls share an fsync. The
   * entries of one call stay in order; a very long call may take several batches. Throws `catalog_incarnation_needed`,
   * `catalog_log_damaged`, `catalog_write_failed`, or for an entry that nobody could read.
   */
  append(entries: readonly CatalogEntry[]): Promise<void> {
    assert(entries.length > 0, 'an append of nothing');
    assert(
      entries.every((entry) => entry.kind !== 'incarnationOpened'),
      'an incarnation is opened by openIncarnation',
    );
    return new Promise((resolve, reject) => {
      for (const entry of entries) checkEntry(entry);
      this.#queue.push({ entries, taken: 0, done: resolve, failed: reject });
      if (this.#queue.length === 1) this.#serial.run(() => this.#drain()).catch(reject);
    });
  }

  /**
   * Takes batches from any peer, of any site that is known. Order and repeats do not matter, but a batch whose
   * predecessor is not held is refused, with what is needed. What is taken is on stable storage.
   */
  async accept(signedBatches: readonly Uint8Array[]): Promise<Accepted> {
    const accepted = await this.#change(() => acceptBatches(this.#ingest, signedBatches));
    for (const refusal of accepted.refused) this.#countRefusal(refusal);
    if (accepted.taken > 0) {
      await this.#takeStranded();
      this.#forgetHealed();
      this.#tell();
    }
    return accepted;
  }

  /**
   * Starts this site's log, or starts it again under a new number: for a new site, after a rebuild, and whenever `append`
   * says so. Voids what the site claimed about copies on its own disks, unless `keepsCopies`: only a site that may write
   * now can say that (else as `append` throws). From then on `options.signer` signs.
   */
  async openIncarnation(
    options: NewIncarnation,
  ): Promise<{ readonly incarnationId: IncarnationId; readonly number: number }> {
    const opened = await this.#change(async () => {
      const { chains, sites, trust } = this.#ingest;
      const random = this.#options.random ?? systemRandom;
      if (options.keepsCopies) this.#own.writable(sites.timeline(this.siteId), this.#signer, this.#isDamaged);
      const prepared = prepareIncarnation({ chains, sites, trust, random }, this.siteId, this.#signer, options);
      const admitted = this.#writer.first(prepared.place, prepared.opening, options.signer);
      this.#own.beginning(prepared.place.incarnationId, this.incarnation()?.incarnationId);
      await writeBatches(this.#ingest, [admitted]);
      this.#own.opened(prepared.place.incarnationId);
      this.#signer = options.signer;
      return { incarnationId: prepared.place.incarnationId, number: prepared.place.incarnationNumber };
    });
    this.#forgetHealed();
    this.#tell();
    return opened;
  }

  /** Says again, in the current incarnation, what stands only in batches of this site that no longer count; how many entries. */
  async adoptSuperseded(): Promise<number> {
    const entries = supersededEntries(this.views, this.siteId);
    for (let from = 0; from < entries.length; from += 1000) await this.append(entries.slice(from, from + 1000));
    return entries.length;
  }

  /** The incarnation of this site that is in force; undefined before the first one, and while two stand against each other. */
  incarnation(): { readonly incarnationId: IncarnationId; readonly number: number } | undefined {
    const chain = currentOf(this.#sites.timeline(this.siteId))?.chain;
    return chain && { incarnationId: chain.incarnationId, number: chain.statement.number };
  }

  /** The ends of all chains, sorted: what `digest` is made of. */
  heads(scope: Scope = everything): Head[] {
    return headsOf(this.#chains, scope);
  }

  /** What a peer needs to know to send what is lacking here. */
  chainHeads(scope: Scope = everything): ChainHeads[] {
    return chainHeadsOf(this.#chains, scope);
  }

  /** Equal at two catalogs when, and only when, they hold the same batches. 32 bytes. */
  digest(scope: Scope = everything): Uint8Array {
    return digestOf(this.heads(scope));
  }

  /** What a peer with these heads lacks: encoded SignedBatch each, causes first. */
  async *batchesAfter(heads: readonly ChainHeads[], scope: Scope = everything): AsyncGenerator<StreamedBatch> {
    const ports = { folder: this.#options.folder, chains: this.#chains, trust: this.#trust, ownSiteId: this.siteId };
    for await (const { siteId, incarnationId, seq, hash, signedBytes } of streamLacking(ports, heads, scope)) {
      yield { siteId, incarnationId, seq, hash, signedBytes };
    }
  }

  /** What may go to a peer: everything to a full one; to a blind one the logs of full members, and its own. */
  scopeFor(peer: SiteId, role: 'full' | 'blind'): Scope {
    if (role === 'full') return everything;
    return (siteId) => {
      const isEnd = equalBytes(siteId, this.siteId) || equalBytes(siteId, peer);
      return isEnd || this.#trust.wasFull(siteId);
    };
  }

  /** Calls `listener` whenever batches were added; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What is not as it should be. */
  problems(): CatalogProblem[] {
    const ports = { chains: this.#chains, sites: this.#sites, views: this.views, damaged: this.#damaged };
    const refused = [...this.#refusals.values()].map((refusal) => ({ kind: 'refused' as const, ...refusal }));
    const problems: CatalogProblem[] = [...this.#opened, ...listProblems(ports), ...refused];
    if (this.#broken !== undefined) problems.push({ kind: 'not_writable', why: this.#broken });
    try {
      this.#own.writable(this.#sites.timeline(this.siteId), this.#signer, this.#isDamaged);
    } catch (error) {
      if (!isAppError(error)) throw error;
      problems.push({ kind: 'incarnation_needed', why: error.message });
    }
    return problems;
  }

  /** Reads every log again and verifies every checksum, link and signature in it. */
  async verifyLogs(): Promise<LogVerification> {
    return await verifyLogs(this.#ingest);
  }

  /** Makes all views anew from the logs: after keys have become known that open more, say. */
  async rebuildViews(): Promise<void> {
    await this.#change(async () => {
      this.#trust.reload();
      this.#sites.reconsider();
      for (const siteId of this.#sites.ids()) this.#sites.unsettle(siteId);
      await this.#sites.settleAll();
    });
    this.#tell();
  }

  /**
   * Called when the keyring has changed: looks again at who stands behind each incarnation, and makes the views anew where
   * bodies could not be opened before.
   */
  async keysChanged(): Promise<void> {
    if (this.#sites.ids().some((siteId) => this.views.bodyCounts(siteId).sealed > 0)) return await this.rebuildViews();
    const before = this.#sites.version;
    await this.#change(async () => {
      this.#sites.reconsider();
      await this.#sites.settleAll();
    });
    if (this.#sites.version !== before) this.#tell();
  }

  /** True when a member stands by this statement in a log that is held. */
  hasMemberStatement(statement: Uint8Array): boolean {
    return this.#trust.hasStatement(statement);
  }

  /** The key by which a site signs its log now; undefined while nothing of it counts here. */
  identityKeyOf(siteId: SiteId): Uint8Array | undefined {
    return currentOf(this.#sites.timeline(siteId))?.chain.statement.publicKey;
  }

  /** Waits for what is under way and closes the files. */
  async close(): Promise<void> {
    await this.#serial.run(async () => {
      if (isAppError(this.#broken, 'catalog_closed')) return;
      this.#broken = catalogClosed();
      await this.#store.close();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Makes batches of what waits until nothing does. */
  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      let finished: Waiting[] = [];
      try {
        await this.#whole(async () => {
          const chain = this.#own.writable(this.#sites.timeline(this.siteId), this.#signer, this.#isDamaged);
          const next = this.#writer.next(chain, this.#queue, this.#signer);
          finished = next.finished;
          await writeBatches(this.#ingest, [next.admitted]);
        });
      } catch (error) {
        this.#writer.lost();
        for (const waiting of [...finished, ...this.#queue.splice(0)]) waiting.failed(error);
        return;
      }
      for (const waiting of finished) waiting.done();
    }
    // Last: whatever a listener does, no append waits for a drain that has stopped.
    this.#tell();
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    return this.#serial.run(() => this.#whole(work));
  }

  /** After an error that leaves memory and disk apart, nothing is written until both were brought together again. */
  async #whole<T>(work: () => Promise<T>): Promise<T> {
    if (this.#broken !== undefined) await this.#mend(this.#broken);
    try {
      return await work();
    } catch (error) {
      if (!leavesWhole(error)) this.#broken = error;
      throw error;
    }
  }

  async #mend(broken: unknown): Promise<void> {
    if (!isCurable(broken)) throw broken;
    try {
      await mendLogs(this.#ingest);
    } catch (again) {
      // What came first says what to do about it.
      throw isAppError(broken) ? broken : again;
    }
    this.#broken = undefined;
  }

  readonly #isDamaged = (chain: Chain): boolean =>
    this.#damaged.some(({ name }) => chain.key === chainKeyOf(name.siteId, name.incarnationId));

  /** True for a batch that this disk had, and lost. */
  #heals(batch: SignedBatch): boolean {
    const key = chainKeyOf(batch.siteId, batch.incarnationId);
    return this.#damaged.some(
      ({ name, expectedSeq }) => key === chainKeyOf(name.siteId, name.incarnationId) && batch.seq <= expectedSeq,
    );
  }

  /** Makes count again what lies behind a gap in a damaged log, where the gap is filled by now. */
  async #takeStranded(): Promise<void> {
    for (const { name } of this.#damaged) {
      await this.#change(async () => {
        const stranded = await strandedBatches(this.#options.folder, name, this.#chains);
        if (stranded.length > 0) await acceptBatches(this.#ingest, stranded);
      });
    }
  }

  /** Drops what was put aside of chains that have reached their old end again. */
  #forgetHealed(): void {
    this.#damaged = this.#damaged.filter((damaged) => {
      const chain = this.#chains.find(damaged.name.siteId, damaged.name.incarnationId);
      const isHealed = (chain?.tips.at(-1)?.seq ?? -1) >= damaged.expectedSeq;
      if (isHealed) forgetDamage(damaged.path);
      return !isHealed;
    });
  }

  #countRefusal({ reason, siteId }: Refusal): void {
    const key = `${reason} ${siteId === undefined ? '' : toHex(siteId)}`;
    const before = this.#refusals.get(key);
    // Made-up sites do not grow the list; what they are refused for stays known.
    if (before === undefined && this.#refusals.size >= refusalsMax) return;
    this.#refusals.set(key, { reason, siteId, count: (before?.count ?? 0) + 1 });
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

const refusalsMax = 256;

/** True for errors after which the catalog is as it was before: bad input. */
function leavesWhole(error: unknown): boolean {
  return isAppError(error) && !error.code.startsWith('catalog_views_') && error.code !== 'catalog_write_failed';
}
