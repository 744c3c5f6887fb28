import type { Batch } from './batch.ts';
import { readBody } from './body-codec.ts';
import type { CatalogEntry, IncarnationOpened, MemberAdded } from './entries.ts';
import type { BodySealer } from './ports.ts';

/** For what everybody may read: no seal is opened. */
const noKeys: BodySealer = { seal: () => undefined, open: () => undefined };

/** The opening in the first body of an incarnation's first batch; undefined when there is none. */
export function openingIn(batch: Batch): IncarnationOpened | undefined {
  const entry = openEntry(batch, 0);
  return entry?.kind === 'incarnationOpened' ? entry : undefined;
}

/** The additions of members in a batch. */
export function additionsIn(batch: Batch): MemberAdded[] {
  const additions: MemberAdded[] = [];
  batch.bodies.forEach((_, index) => {
    const entry = openEntry(batch, index);
    if (entry?.kind === 'memberAdded') additions.push(entry);
  });
  return additions;
}

function openEntry(batch: Batch, index: number): CatalogEntry | undefined {
  const body = batch.bodies[index];
  if (body === undefined) return undefined;
  return readBody(body, { siteId: batch.siteId, incarnationId: batch.incarnationId, seq: batch.seq, index }, noKeys)
    .entry;
}
