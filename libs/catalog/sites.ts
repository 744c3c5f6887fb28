import type { SiteId } from '#model';
import { toHex } from '#runtime';
import { decodeSignedBatch, type Point, type SignedBatch } from './batch.ts';
import { type Chain, type ChainKey, type Chains, type IndexedBatch, predecessorOf } from './chains.ts';
import { LogReader, logPath } from './log-files.ts';
import { authorKey, type ProjectionPorts, projectBatch, voidStoreCopies } from './projection.ts';
import { removeGeneration } from './remove-generation.ts';
import { extendsTimeline, sameTimeline, type Timeline, timelineOf } from './timeline.ts';
import type { Authority } from './trust.ts';
import { keyOf, Table } from './view-keys.ts';

interface SiteRow {
  readonly siteId: SiteId;
  /** Readers see these rows. */
  readonly generation: number;
  /** Lower than any generation that will be built. */
  readonly nextGeneration: number;
  /** What the rows were made of; another timeline means that they must be made anew. */
  readonly madeOf: string;
}

const noTimeline: Timeline = { segments: [], contested: undefined };
/** Batches a transaction, so that the thread is free in between. */
const pageBatches = 128;

/**
 * The rows of each site and the timeline they are made of. Most batches extend a timeline and only add rows. When a fork,
 * a new incarnation or a new key changes which batches count, the site's rows are made anew beside the old ones.
 */
export class Sites {
  readonly #ports: ProjectionPorts;
  readonly #chains: Chains;
  readonly #folder: string;
  readonly #timelines = new Map<string, Timeline>();
  readonly #rows = new Map<string, SiteRow>();
  readonly #authorities = new Map<ChainKey, Authority>();
  readonly #unsettled = new Map<string, SiteId>();
  /** Counts up with every change of what readers see. */
  version = 0;

  constructor(folder: string, ports: ProjectionPorts, chains: Chains) {
    this.#folder = folder;
    this.#ports = ports;
    this.#chains = chains;
    this.reload();
  }

  /** Takes what the views have, after they were cleared or a transaction was given up. */
  reload(): void {
    this.version += 1;
    this.#timelines.clear();
    this.#authorities.clear();
    this.#rows.clear();
    for (const { value } of this.#ports.views.range(keyOf(Table.site))) {
      const row = value as SiteRow;
      this.#rows.set(toHex(row.siteId), row);
    }
    this.#unsettled.clear();
    for (const siteId of this.ids()) {
      const timeline = this.#compute(siteId);
      this.#timelines.set(toHex(siteId), timeline);
      if (this.#rowOf(siteId).madeOf !== fingerprint(timeline)) this.#unsettled.set(toHex(siteId), siteId);
    }
  }

  /** The sites of which a log is held. */
  ids(): SiteId[] {
    const ids = new Map([...this.#chains.all()].map((chain) => [toHex(chain.siteId), chain.siteId]));
    return [...ids.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, id]) => id);
  }

  timeline(siteId: Uint8Array): Timeline {
    return this.#timelines.get(toHex(siteId)) ?? noTimeline;
  }

  /** The prefix of the rows of a site that readers see. */
  author(siteId: Uint8Array): Uint8Array {
    return authorKey(siteId, this.#rows.get(toHex(siteId))?.generation ?? 0);
  }

  /**
   * Takes in a batch that `chains` has just added, in a transaction. When what counts changes in another way than by
   * this batch alone, the site is left to be settled.
   */
  take(batch: SignedBatch): void {
    const site = toHex(batch.siteId);
    if (this.#unsettled.has(site)) return;
    const before = this.timeline(batch.siteId);
    const after = this.#compute(batch.siteId);
    const counts = extendsTimeline(before, after, predecessorOf(batch));
    if (!counts && !sameTimeline(before, after)) {
      this.#unsettled.set(site, batch.siteId);
      return;
    }
    projectBatch(this.#ports, this.author(batch.siteId), batch, counts);
    if (after.contested !== undefined) voidStoreCopies(this.#ports.views, this.author(batch.siteId));
    this.#timelines.set(site, after);
    this.#saveRow({ ...this.#rowOf(batch.siteId), madeOf: fingerprint(after) });
  }

  /** Looks again at who stands behind each incarnation: a key has become known. */
  reconsider(): void {
    this.#authorities.clear();
    for (const siteId of this.ids()) {
      if (!sameTimeline(this.timeline(siteId), this.#compute(siteId))) this.unsettle(siteId);
    }
  }

  /** Makes the rows of this site anew from its logs, whatever they are: what could not be read may be readable now. */
  unsettle(siteId: SiteId): void {
    this.#unsettled.set(toHex(siteId), siteId);
  }

  /** Settles every site that needs it. */
  async settleAll(): Promise<void> {
    for (const siteId of [...this.#unsettled.values()]) await this.#settle(siteId);
  }

  /** Makes the rows of a site anew from its logs, then shows them at once instead of the old ones. */
  async #settle(siteId: SiteId): Promise<void> {
    const { views } = this.#ports;
    const old = this.#rowOf(siteId);
    const generation = old.nextGeneration;
    // Known before the first row of it, so that what a crash leaves is found.
    views.transact(() => this.#saveRow({ ...old, nextGeneration: generation + 1 }));
    const author = authorKey(siteId, generation);
    const timeline = this.#compute(siteId);
    for (const chain of this.#inOrder(siteId, timeline)) await this.#projectChain(chain, timeline, author);
    views.transact(() => {
      if (timeline.contested !== undefined) voidStoreCopies(views, author);
      this.#saveRow({ siteId, generation, nextGeneration: generation + 1, madeOf: fingerprint(timeline) });
    });
    this.#timelines.set(toHex(siteId), timeline);
    this.#unsettled.delete(toHex(siteId));
    await this.removeLeftovers(siteId);
  }

  /** Removes the rows of generations that nobody sees: the one before, and what a crash has left. */
  async removeLeftovers(siteId: SiteId): Promise<void> {
    const { generation } = this.#rowOf(siteId);
    await removeGeneration(this.#ports.views, siteId, generation);
  }

  /** Incarnations that no longer count first, then those that do, oldest first. */
  #inOrder(siteId: SiteId, timeline: Timeline): Chain[] {
    const counting = timeline.segments.map((segment) => segment.chain.key);
    const others = this.#chains.ofSite(siteId).filter((chain) => !counting.includes(chain.key));
    return [...others, ...timeline.segments.map((segment) => segment.chain)];
  }

  async #projectChain(chain: Chain, timeline: Timeline, author: Uint8Array): Promise<void> {
    await using reader = await LogReader.open(logPath(this.#folder, { ...chain, number: chain.statement.number }));
    const through = timeline.segments.find((segment) => segment.chain.key === chain.key)?.through;
    const counts = countingBatches(this.#chains, chain, through);
    let page = this.#chains.batchesFrom(chain, 0, pageBatches);
    while (page.length > 0) {
      const batches: SignedBatch[] = [];
      for (const place of page) batches.push(decodeSignedBatch(await reader.read(place)));
      this.#ports.views.transact(() => {
        for (const batch of batches) projectBatch(this.#ports, author, batch, counts(batch));
      });
      page = this.#chains.batchesAfter(chain, page.at(-1) as IndexedBatch, pageBatches);
    }
  }

  #compute(siteId: SiteId): Timeline {
    const candidates = this.#chains.ofSite(siteId).map((chain) => ({ chain, authority: this.#authority(chain) }));
    return timelineOf(candidates, (chain, seq) => (seq === 0 ? undefined : this.#chains.lineBatch(chain, seq - 1)));
  }

  #authority(chain: Chain): Authority {
    const known = this.#authorities.get(chain.key);
    if (known !== undefined) return known;
    const authority = this.#ports.trust.authorityOf(chain.opening, this.#chains);
    this.#authorities.set(chain.key, authority);
    return authority;
  }

  #rowOf(siteId: SiteId): SiteRow {
    const none = { siteId, generation: 0, nextGeneration: 1, madeOf: fingerprint(noTimeline) };
    return this.#rows.get(toHex(siteId)) ?? none;
  }

  #saveRow(row: SiteRow): void {
    this.version += 1;
    this.#rows.set(toHex(row.siteId), row);
    this.#ports.views.put(keyOf(Table.site, row.siteId), row);
  }
}

/** Tells of each batch of `chain` whether it is `through` or one that it follows. */
function countingBatches(chains: Chains, chain: Chain, through: Point | undefined): (batch: Point) => boolean {
  if (through === undefined) return () => false;
  const { forkSeq } = chain;
  if (forkSeq === undefined || through.seq < forkSeq) return (batch) => batch.seq <= through.seq && isOnLine(batch);
  const branch = new Set([...chains.ancestry(chain, through, forkSeq)].map((batch) => toHex(batch.hash)));
  return (batch) => batch.seq < forkSeq || branch.has(toHex(batch.hash));

  function isOnLine(batch: Point): boolean {
    return forkSeq === undefined || batch.seq < forkSeq;
  }
}

function fingerprint(timeline: Timeline): string {
  const segments = timeline.segments.map(({ chain, through }) => [
    chain.key,
    through === undefined ? '' : `${through.seq}-${toHex(through.hash)}`,
  ]);
  return JSON.stringify([timeline.contested ?? null, segments]);
}
