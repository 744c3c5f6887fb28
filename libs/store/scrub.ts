import type { RecordId } from '#model';
import { type Clock, isAppError, type Timers } from '#runtime';
import type { Pack, PackTable } from './pack-table.ts';
import { domainOfKey, idOfKey, type Place, placeKey } from './place.ts';
import type { Places } from './places.ts';
import { type PackDamage, type ScrubPackContext, scrubPack } from './scrub-pack.ts';

export interface ScrubFinding extends PackDamage {
  /** Those of `ids` that have no other place in this store: what heal has to fetch. */
  readonly missing: readonly RecordId[];
}

export interface ScrubProgress {
  readonly pack: number;
  readonly packsDone: number;
  readonly packsTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

export interface ScrubOptions {
  readonly onProgress?: (progress: ScrubProgress) => void;
  readonly signal?: AbortSignal;
  /** Reads at most so fast on average, to leave the disk to others. */
  readonly rateBytesPerSecond?: number;
  /** Only these packs. */
  readonly packs?: ReadonlySet<number>;
}

export interface ScrubContext extends Omit<ScrubPackContext, 'onRead'> {
  readonly table: PackTable;
  readonly places: Places;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** Reads all of these packs and yields what is not as it was written. */
export async function* scrubPacks(
  context: ScrubContext,
  packs: readonly Pack[],
  options: ScrubOptions,
): AsyncGenerator<ScrubFinding> {
  const { volumes, acceptsRealm, clock, timers } = context;
  const bytesTotal = packs.reduce((sum, pack) => sum + pack.bytes, 0);
  const startMs = clock.monotonicMs();
  let bytesRead = 0;
  let bytesDone = 0;
  const onRead = async (bytes: number) => {
    options.signal?.throwIfAborted();
    const rate = options.rateBytesPerSecond;
    const aheadMs = rate === undefined ? 0 : startMs + (1000 * bytesRead) / rate - clock.monotonicMs();
    bytesRead += bytes;
    if (aheadMs > 0) await timers.sleep(aheadMs, options.signal);
  };
  for (const [packsDone, pack] of packs.entries()) {
    options.signal?.throwIfAborted();
    try {
      let end: PackDamage | undefined;
      for await (const damage of scrubPack({ volumes, acceptsRealm, onRead }, pack)) {
        if (isEndOf(pack, damage)) end ??= damage;
        yield await findingOf(context.places, damage);
      }
      const lost = end && (await lostAtEnd(context.places, end));
      if (lost !== undefined) yield lost;
    } catch (error) {
      // Who heals while we scrub replaces the pack under us, by one whose records were all checked.
      if (context.table.has(pack.number) || !isAppError(error, 'volume_gone')) throw error;
    }
    bytesDone += pack.bytes;
    options.onProgress?.({
      pack: pack.number,
      packsDone: packsDone + 1,
      packsTotal: packs.length,
      bytesDone,
      bytesTotal,
    });
  }
}

/** Adds to damage what the index knows: ids that nothing in the pack tells any more, and which of all are missing. */
export async function findingOf(places: Places, damage: PackDamage): Promise<ScrubFinding> {
  const known = await named(places, damage);
  const { domainId, ids } = known;
  if (domainId === undefined) return { ...known, missing: [] };
  const found = await places.lookup(ids.map((id) => placeKey(domainId, id)));
  const missing = ids.filter((_, i) => {
    const place = found[i];
    return place === undefined || liesIn(place, damage);
  });
  return { ...known, missing };
}

/** True of damage that reaches to the end of a pack that has lost its footer; one that merely disagrees with a good record lies before it. */
export function isEndOf(pack: Pack, { what, offset, length }: PackDamage): boolean {
  return what === 'footer' && offset + length >= pack.bytes;
}

/**
 * What the index says lay in and behind the damaged end of a pack that has lost its footer: a file that was cut, or
 * overwritten up to its end, holds nothing that tells of it. Undefined when there was nothing.
 */
export async function lostAtEnd(places: Places, end: PackDamage): Promise<ScrubFinding | undefined> {
  const length = Number.MAX_SAFE_INTEGER - end.offset;
  const all = { pack: end.pack, what: 'unreadable', offset: end.offset, length, ids: [] } as const;
  const finding = await findingOf(places, all);
  return finding.ids.length === 0 ? undefined : { ...finding, length: 0 };
}

async function named(places: Places, damage: PackDamage): Promise<PackDamage> {
  if (damage.what !== 'unreadable') return damage;
  const keys: string[] = [];
  for await (const [key, place] of places.entries()) if (liesIn(place, damage)) keys.push(key);
  const [first] = keys;
  if (first === undefined) return damage;
  return { ...damage, what: 'record', domainId: domainOfKey(first), ids: keys.map(idOfKey) };
}

function liesIn(place: Place, damage: PackDamage): boolean {
  return (
    place.pack === damage.pack &&
    place.offset < damage.offset + damage.length &&
    place.offset + place.length > damage.offset
  );
}
