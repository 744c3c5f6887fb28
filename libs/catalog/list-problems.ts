import { asId } from '#model';
import type { Chains } from './chains.ts';
import type { DamagedLog } from './log-files.ts';
import type { CatalogProblem } from './problems.ts';
import type { CatalogViews } from './queries.ts';
import type { Sites } from './sites.ts';

export interface ProblemPorts {
  readonly chains: Chains;
  readonly sites: Sites;
  readonly views: CatalogViews;
  readonly damaged: readonly DamagedLog[];
}

// Two make the evidence; a few more show what went on.
const hashesMax = 8;

/** What the logs and views show to be wrong. */
export function listProblems({ chains, sites, views, damaged }: ProblemPorts): CatalogProblem[] {
  const problems: CatalogProblem[] = [];
  for (const siteId of sites.ids()) {
    const timeline = sites.timeline(siteId);
    const { contested } = timeline;
    if (contested !== undefined) problems.push({ kind: 'contested', siteId, number: contested });
    for (const chain of chains.ofSite(siteId)) {
      if (chain.forkSeq === undefined) continue;
      const fromSeq = chain.forkSeq;
      const rivals = chains.batchesFrom(chain, fromSeq, hashesMax).filter((batch) => batch.seq === fromSeq);
      const settled = timeline.segments.slice(0, -1).some((segment) => segment.chain.key === chain.key);
      const hashes = rivals.map((batch) => batch.hash);
      problems.push({ kind: 'forked', siteId, incarnationId: chain.incarnationId, fromSeq, hashes, settled });
    }
    const counts = views.bodyCounts(siteId);
    if (counts.sealed + counts.malformed + counts.unknown.size > 0) {
      problems.push({ kind: 'unread_bodies', siteId, ...counts });
    }
  }
  for (const { name, expectedSeq } of damaged) {
    const siteId = asId('SiteId', name.siteId);
    const incarnationId = asId('IncarnationId', name.incarnationId);
    problems.push({ kind: 'log_damaged', siteId, incarnationId, expectedSeq });
  }
  return problems;
}
