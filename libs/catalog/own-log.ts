import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IncarnationId, SiteId } from '#model';
import { asId } from '#model';
import { equalBytes, fromHex, readingState, toHex, writeFileDurably } from '#runtime';
import { incarnationNeeded, logDamaged, malformedCatalog } from './catalog-errors.ts';
import type { Chain } from './chains.ts';
import type { Signer } from './ports.ts';
import { currentOf, type Timeline } from './timeline.ts';

interface OwnState {
  readonly incarnationId: IncarnationId;
  /** A peer held more of this incarnation than this site: its disk is older than its last word. */
  readonly isStale: boolean;
  /** Begun here: ours too, should a crash have come between its first batch and this file. */
  readonly beginningId?: IncarnationId | undefined;
}

/**
 * Which incarnation this site writes to, in `own.json`. Only what it opened itself on this disk: a site that went on
 * with a log that somebody else has continued would say two things under one number, and fork for good.
 */
export class OwnLog {
  readonly siteId: SiteId;
  readonly #path: string;
  #state: OwnState | undefined;

  constructor(folder: string, siteId: SiteId) {
    this.siteId = siteId;
    this.#path = join(folder, 'own.json');
    const read = () => readingState(this.#path, () => readFileSync(this.#path, 'utf8'));
    this.#state = existsSync(this.#path) ? parse(read()) : undefined;
  }

  /** Notes, durably and before its first batch is written, that this incarnation is being opened here. */
  beginning(beginningId: IncarnationId, inForce: IncarnationId | undefined): void {
    // What was in force only as one that was begun is now the one to come back to.
    const ours = inForce !== undefined && this.#isOwn(inForce) ? inForce : this.#state?.incarnationId;
    const incarnationId = ours ?? beginningId;
    this.#write({ incarnationId, isStale: this.#isStale(incarnationId), beginningId });
  }

  /** Notes, durably, that this incarnation was opened here. */
  opened(incarnationId: IncarnationId): void {
    this.#write({ incarnationId, isStale: false });
  }

  /** Notes, durably, that a peer has sent a batch of the incarnation that is written here. */
  foundElsewhere(incarnationId: IncarnationId): void {
    if (this.#isOwn(incarnationId) && !this.#isStale(incarnationId)) this.#write({ incarnationId, isStale: true });
  }

  /** The chain that this site may write to now. Throws `catalog_incarnation_needed` or `catalog_log_damaged`. */
  writable(timeline: Timeline, signer: Signer, isDamaged: (chain: Chain) => boolean): Chain {
    const chain = currentOf(timeline)?.chain;
    if (timeline.contested !== undefined) {
      throw incarnationNeeded(`two incarnations of number ${timeline.contested} stand against each other`);
    }
    if (chain === undefined) throw incarnationNeeded('it has opened none yet');
    if (!this.#isOwn(chain.incarnationId)) throw incarnationNeeded('another one of this site is in force');
    if (isDamaged(chain)) throw logDamaged(toHex(this.siteId), chain.statement.number);
    if (this.#isStale(chain.incarnationId)) throw incarnationNeeded('a peer holds more of it than this disk does');
    if (chain.forkSeq !== undefined) throw incarnationNeeded('two batches of one number were signed in its name');
    if (!equalBytes(chain.statement.publicKey, signer.publicKey))
      throw incarnationNeeded('it was opened by another key');
    return chain;
  }

  #isOwn(incarnationId: IncarnationId): boolean {
    const { incarnationId: written, beginningId = written } = this.#state ?? {};
    return [written, beginningId].some((own) => own !== undefined && equalBytes(own, incarnationId));
  }

  #isStale(incarnationId: IncarnationId): boolean {
    return this.#state?.isStale === true && equalBytes(this.#state.incarnationId, incarnationId);
  }

  #write(state: OwnState): void {
    const { incarnationId, isStale, beginningId } = state;
    const beginning = beginningId === undefined ? {} : { beginning: toHex(beginningId) };
    const text = JSON.stringify({ incarnation: toHex(incarnationId), stale: isStale, ...beginning });
    writeFileDurably(this.#path, `${text}\n`);
    this.#state = state;
  }
}

function idIn(text: unknown): IncarnationId | undefined {
  if (typeof text !== 'string' || !/^[0-9a-f]{32}$/.test(text)) return undefined;
  return asId('IncarnationId', fromHex(text));
}

function parse(text: string): OwnState {
  try {
    const { incarnation, stale, beginning }: Record<string, unknown> = JSON.parse(text);
    const id = idIn(incarnation);
    if (id !== undefined && typeof stale === 'boolean') {
      return { incarnationId: id, isStale: stale, beginningId: idIn(beginning) };
    }
  } catch (cause) {
    throw malformedCatalog('own.json is no JSON', cause);
  }
  throw malformedCatalog('own.json does not name an incarnation');
}
