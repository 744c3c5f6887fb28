import type { SiteId } from '#model';
import { equalBytes, toHex } from '#runtime';
import type { MemberView, StatementRow } from './view-rows.ts';

/**
 * The realm as the statements that count make it, seen from `ownSiteId` (CATALOG.md section 7): who is connected by
 * additions of full members and is not removed. Remove wins: over what it has seen, and over what it has not.
 */
export function membersOf(statements: readonly StatementRow[], ownSiteId: SiteId): MemberView[] {
  const removals = countingRemovals(statements);
  const additions = statements.filter((row) => row.type === 'add' && isBeforeRemovals(row, removals));
  const members = new Map<string, MemberView>([
    [
      toHex(ownSiteId),
      { siteId: ownSiteId, role: roleOf(ownSiteId, additions), name: undefined, publicKey: undefined },
    ],
  ]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const added of additions) {
      for (const member of [added.targetId, added.authorId]) {
        if (members.has(toHex(member)) || !isBelieved(added, member, members, ownSiteId)) continue;
        members.set(toHex(member), viewOf(member, additions));
        grew = true;
      }
    }
  }
  const removed = new Set(removals.map((removal) => toHex(removal.targetId)));
  return [...members.entries()]
    .filter(([id]) => !removed.has(id))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, member]) => member);
}

/** Sites that a counting statement removed. */
export function removedSites(statements: readonly StatementRow[]): SiteId[] {
  const removed = new Map(countingRemovals(statements).map((row) => [toHex(row.targetId), row.targetId]));
  return [...removed.values()];
}

/** Who removed a site, by statements that count. */
export function removersOf(statements: readonly StatementRow[], siteId: SiteId): SiteId[] {
  return countingRemovals(statements)
    .filter((removal) => equalBytes(removal.targetId, siteId))
    .map((removal) => removal.authorId);
}

/** An addition brings in its target when a full member made it, and its author when the target has countersigned it. */
function isBelieved(
  added: StatementRow,
  member: SiteId,
  members: ReadonlyMap<string, MemberView>,
  ownSiteId: SiteId,
): boolean {
  const other = equalBytes(member, added.targetId) ? added.authorId : added.targetId;
  const known = members.get(toHex(other));
  if (known === undefined) return false;
  return known.role === 'full' || equalBytes(other, ownSiteId) || equalBytes(member, added.authorId);
}

/**
 * Removals whose author had not itself been removed before, as far as it had seen. Each round settles one more step of
 * "removed by somebody who was removed"; made-up sightings may go in circles, and the rounds end all the same.
 */
function countingRemovals(statements: readonly StatementRow[]): StatementRow[] {
  const firsts = new Map<string, StatementRow>();
  for (const row of statements) {
    const key = toHex(row.authorId) + toHex(row.targetId);
    if (row.type === 'remove' && !firsts.has(key)) firsts.set(key, row);
  }
  const removals = [...firsts.values()];
  let counting = removals;
  for (let round = 0; round <= removals.length; round++) {
    const next = removals.filter((row) => !counting.some((other) => removes(other, row) && sees(row, other)));
    if (next.length === counting.length && next.every((row, i) => row === counting[i])) break;
    counting = next;
  }
  return counting;
}

/** True when nobody removed the author, or all who did had seen this statement. */
function isBeforeRemovals(row: StatementRow, removals: readonly StatementRow[]): boolean {
  return removals.every((removal) => !removes(removal, row) || sees(removal, row));
}

function removes(removal: StatementRow, row: StatementRow): boolean {
  return equalBytes(removal.targetId, row.authorId);
}

/** True when the author of `row` held `other` as it wrote. */
function sees(row: StatementRow, other: StatementRow): boolean {
  if (row.chainKey === other.chainKey) return row.seq > other.seq;
  return (row.seen.get(other.chainKey) ?? -1) >= other.seq;
}

function viewOf(siteId: SiteId, additions: readonly StatementRow[]): MemberView {
  const of = additions.filter((added) => equalBytes(added.targetId, siteId));
  const latest = of.at(-1);
  return { siteId, role: roleOf(siteId, additions), name: latest?.name, publicKey: latest?.publicKey };
}

/** Blind when anybody said so: a site does not gain by being added twice. */
function roleOf(siteId: SiteId, additions: readonly StatementRow[]): 'full' | 'blind' {
  const isBlind = additions.some((added) => added.role === 'blind' && equalBytes(added.targetId, siteId));
  return isBlind ? 'blind' : 'full';
}
