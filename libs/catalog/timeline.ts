import { equalBytes } from '#runtime';
import type { Point } from './batch.ts';
import { type Chain, type ChainKey, chainKeyOf } from './chains.ts';
import type { Authority } from './trust.ts';

/** What the choice between a site's incarnations looks at. */
export interface Candidate {
  readonly chain: Chain;
  readonly authority: Authority;
}

/** A stretch of a chain that counts: everything up to `through`; undefined when nothing of it does. */
export interface Segment {
  readonly chain: Chain;
  readonly through: Point | undefined;
}

/** Which of a site's batches count, and why others do not. */
export interface Timeline {
  /** Oldest first; the last one is the current incarnation. Empty when none can be chosen. */
  readonly segments: readonly Segment[];
  /** The lowest number of which two incarnations stand against each other, until a kit picks. */
  readonly contested: number | undefined;
}

/**
 * Chooses a site's current incarnation and what counts of the earlier ones (CATALOG.md section 6). It depends on what is
 * held alone, never on the order of arrival. `beforeFork` gives the last batch before a chain's fork.
 */
export function timelineOf(
  candidates: readonly Candidate[],
  beforeFork: (chain: Chain, seq: number) => Point | undefined,
): Timeline {
  let contested: number | undefined;
  const only = (rivals: readonly Candidate[]): Candidate | undefined => {
    const [first] = rivals;
    if (rivals.length > 1) contested = first?.chain.statement.number;
    return rivals.length === 1 ? first : undefined;
  };
  const bySite = candidates.filter((candidate) => candidate.authority === 'site');
  let current = newestByKit(candidates, only) ?? only(bySite.filter(({ chain }) => chain.statement.cut === undefined));
  // A thief has the site's key and can open any number by it: only what grew from the kit's choice counts.
  for (let next = current; next !== undefined && contested === undefined; ) {
    current = next;
    const { chain } = current;
    next = only(bySite.filter((child) => parentKey(child.chain) === chain.key));
  }
  return { segments: current === undefined ? [] : segmentsTo(current.chain, candidates, beforeFork), contested };
}

/** True when `after` is `before` and one more batch at its end, which followed `before`'s last one. */
export function extendsTimeline(before: Timeline, after: Timeline, predecessor: Point | undefined): boolean {
  if (before.contested !== after.contested || after.segments.length === 0) return false;
  if (before.segments.length === 0) return after.segments.length === 1 && predecessor === undefined;
  if (before.segments.length !== after.segments.length) return false;
  return before.segments.every((segment, i) => {
    const other = after.segments[i];
    if (segment.chain.key !== other?.chain.key) return false;
    const isLast = i === before.segments.length - 1;
    return isLast ? samePoint(segment.through, predecessor) : samePoint(segment.through, other.through);
  });
}

export function sameTimeline(a: Timeline, b: Timeline): boolean {
  if (a.contested !== b.contested || a.segments.length !== b.segments.length) return false;
  return a.segments.every((segment, i) => {
    const other = b.segments[i];
    return segment.chain.key === other?.chain.key && samePoint(segment.through, other.through);
  });
}

/** The incarnation that counts now. */
export function currentOf(timeline: Timeline): Segment | undefined {
  return timeline.segments.at(-1);
}

function newestByKit(
  candidates: readonly Candidate[],
  only: (rivals: readonly Candidate[]) => Candidate | undefined,
): Candidate | undefined {
  const byKit = candidates.filter((candidate) => candidate.authority === 'kit');
  const numbers = [...new Set(byKit.map(({ chain }) => chain.statement.number))].sort((a, b) => b - a);
  for (const number of numbers) {
    const chosen = only(byKit.filter(({ chain }) => chain.statement.number === number));
    if (chosen !== undefined) return chosen;
  }
  return undefined;
}

function segmentsTo(
  newest: Chain,
  candidates: readonly Candidate[],
  beforeFork: (chain: Chain, seq: number) => Point | undefined,
): Segment[] {
  const chains = new Map(candidates.map(({ chain }) => [chain.key, chain]));
  const segments: Segment[] = [];
  let through = newest.forkSeq === undefined ? newest.tips[0] : beforeFork(newest, newest.forkSeq);
  for (let chain: Chain | undefined = newest; chain !== undefined; ) {
    segments.unshift({ chain, through });
    const cut: Chain['statement']['cut'] = chain.statement.cut;
    const key: ChainKey | undefined = parentKey(chain);
    through = cut === undefined ? undefined : { seq: cut.seq, hash: cut.hash };
    chain = key === undefined ? undefined : chains.get(key);
  }
  return segments;
}

function parentKey(chain: Chain): ChainKey | undefined {
  const { cut } = chain.statement;
  return cut === undefined ? undefined : chainKeyOf(chain.siteId, cut.incarnationId);
}

function samePoint(a: Point | undefined, b: Point | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.seq === b.seq && equalBytes(a.hash, b.hash);
}
