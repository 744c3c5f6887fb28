import type { SnapshotId } from '#model';
import { contentMissing } from '../errors.ts';
import type { RecordPlace, RecordStore } from '../ports.ts';
import { walkClosure } from '../walk-closure.ts';
import type { CarriedSnapshot } from './carried-manifest.ts';

/** A snapshot to be carried. */
export interface CarriedJob extends CarriedSnapshot {
  readonly name: string;
  /** The newest snapshot of the dataset that the peer holds by its own log. */
  readonly base: SnapshotId | undefined;
}

/** Records by where they lie in the exporter's own store: of a pack that is gone, no number comes again. */
export class PlaceSet {
  readonly #offsets = new Map<number, Set<number>>();
  size = 0;

  has({ pack, offset }: Pick<RecordPlace, 'pack' | 'offset'>): boolean {
    return this.#offsets.get(pack)?.has(offset) === true;
  }

  /** False when it was in it already. */
  add({ pack, offset }: Pick<RecordPlace, 'pack' | 'offset'>): boolean {
    const offsets = this.#offsets.get(pack) ?? new Set<number>();
    this.#offsets.set(pack, offsets);
    if (offsets.has(offset)) return false;
    offsets.add(offset);
    this.size += 1;
    return true;
  }

  *[Symbol.iterator](): Generator<{ readonly pack: number; readonly offset: number }> {
    for (const [pack, offsets] of this.#offsets) for (const offset of offsets) yield { pack, offset };
  }
}

export interface CarriedPlan {
  /** Snapshot by snapshot, each in the order in which the disk reads. */
  readonly toWrite: readonly RecordPlace[];
  readonly toWriteBytes: number;
  /** What lies on this disk already. */
  readonly onDisk: PlaceSet;
}

export interface PlanOptions {
  readonly store: RecordStore;
  /** The packs of the disk. */
  readonly disk: Pick<RecordStore, 'locateMany'>;
  /** What disks that were finished before carry. */
  readonly elsewhere: PlaceSet;
  readonly signal: AbortSignal;
  readonly onSnapshot: (name: string) => void;
}

/** Finds the records that the peer lacks and no disk has yet. Throws `content_missing` for a snapshot that is not whole here. */
export async function planCarried(jobs: readonly CarriedJob[], options: PlanOptions): Promise<CarriedPlan> {
  const { store, disk, elsewhere, signal } = options;
  const [seen, onDisk] = [new PlaceSet(), new PlaceSet()];
  const toWrite: RecordPlace[] = [];
  let toWriteBytes = 0;
  for (const job of jobs) {
    options.onSnapshot(job.name);
    const found: RecordPlace[] = [];
    for await (const step of walkClosure(store, job.domainId, job.snapshotId, job.base, { signal })) {
      if (step.missing.length > 0) throw contentMissing(job.name);
      const there = await disk.locateMany(
        job.domainId,
        step.records.flatMap(({ ids }) => ids),
      );
      let at = 0;
      for (const { place, ids } of step.records) {
        const isThere = there.slice(at, at + ids.length).every((one) => one !== undefined);
        at += ids.length;
        // Another frame may bring the same chunks to the disk: what counts is that every id is there.
        if (isThere) onDisk.add(place);
        else if (!elsewhere.has(place) && seen.add(place)) found.push(place);
      }
    }
    found.sort((a, b) => a.pack - b.pack || a.offset - b.offset);
    for (const place of found) {
      toWrite.push(place);
      toWriteBytes += place.length;
    }
  }
  return { toWrite, toWriteBytes, onDisk };
}
