import type { Catalog } from '#catalog';
import { isAppError, toHex } from '#runtime';
import type { Appliance } from './appliance.ts';
import { endedSentence } from './ended-pairing.ts';
import type { PairingView } from './operations.ts';

/** Clocks further apart than this confuse people who compare times at two sites; nothing else depends on them. */
const clockSkewSecondsMax = 60;

/** Less than 5 GB, or than a tenth of what is stored, is a week's warning on most sites. */
const freeBytesMin = 5e9;
const freeShareMin = 0.1;

/** Sentences that need an admin, worst first; each says what to do. */
export function attentionOf(
  { catalog, realm, keys, links, peers, machine, store, losses, secrets }: Appliance,
  views: readonly PairingView[],
): string[] {
  const sentences: string[] = [];
  for (const problem of catalog.problems()) {
    if (problem.kind === 'tail_cut') continue;
    if (problem.kind === 'not_writable') {
      sentences.push(notWritableSentence(problem.why));
      continue;
    }
    sentences.push(
      `The catalog has a problem (${problem.kind.replaceAll('_', ' ')}): see "sitepair catalog digest" at each site.`,
    );
  }
  for (const name of namesTakenTwice(catalog.views)) {
    sentences.push(
      `Two sites go by the name "${name}": remove one of them ("sitepair pair remove") and make it anew under another.`,
    );
  }
  if (secrets.readDoor() === undefined) {
    sentences.push(
      'The key under which this site would come back after a fire is lost or damaged: make a new kit ("sitepair key kit").',
    );
  }
  const live = views.filter(({ state }) => state !== 'removed');
  const endings = peers.ended().filter(({ ended }) => ended?.by !== 'here');
  // Whom the realm has removed loses all peers by one deed.
  const expelled = endings.filter(({ ended }) => ended?.by === 'member_removed_us').slice(1);
  for (const peer of endings) if (!expelled.includes(peer)) sentences.push(endedSentence(peer));
  if (live.length === 0)
    sentences.push('This site has no peer: one site is one fire. Pair it: "sitepair pair invite".');
  for (const view of live) {
    if (view.state !== 'paired')
      sentences.push(
        `The pairing with ${view.peer} waits: compare the words, then "sitepair pair confirm ${view.peer}" at both ends.`,
      );
    else if (view.link !== 'up')
      sentences.push(`The link to ${view.peer} is down (${view.linkDetail}): see "sitepair link status".`);
  }
  for (const peer of peers.paired()) {
    const skew = links.link(peer.siteId)?.peer.clockSkewSeconds ?? 0;
    if (Math.abs(skew) > clockSkewSecondsMax)
      sentences.push(`The clocks here and at ${peer.name} are ${Math.abs(skew)} s apart: check NTP at both.`);
  }
  if (losses.any) {
    sentences.push(
      `Something stored here is lost or damaged (${losses.reasons[0]}): "sitepair scrub --heal", then "sitepair store check".`,
    );
  }
  for (const disk of machine.facts?.failingDisks ?? [])
    sentences.push(`A disk says that it is failing: ${disk}. Replace it, then "sitepair scrub --heal".`);
  const free = machine.facts?.freeBytes;
  const used = store.statistics().bytes;
  if (free !== undefined && free < Math.max(freeBytesMin, used * freeShareMin)) {
    sentences.push(
      `The disk of the packs is nearly full: ${Math.floor(free / 1e9)} GB are free. Backups stop when it is.`,
    );
  }
  const newest = keys.keyring.dataKeys.toSorted((a, b) => a.createdSeconds - b.createdSeconds).at(-1);
  const lacking = newest === undefined ? [] : realm.lackingKey(newest.keyId);
  if (lacking.length > 0)
    sentences.push(`The newest data key is not in use yet: ${lacking.join(', ')} must get it first.`);
  return sentences;
}

function notWritableSentence(why: unknown): string {
  const advice = isAppError(why) ? why.advice : 'Restart the appliance.';
  return `Nothing can be written to the catalog, so nothing is backed up or replicated: ${why instanceof Error ? why.message : why}. ${advice}`;
}

/** Two sites may have joined at two ends of the realm at once, or a member may have described itself anew. */
export function namesTakenTwice(views: Pick<Catalog['views'], 'sites' | 'removedSites'>): string[] {
  const removed = new Set(views.removedSites().map(toHex));
  const names = views.sites().flatMap(({ siteId, name }) => (removed.has(toHex(siteId)) ? [] : [name]));
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))].sort();
}
