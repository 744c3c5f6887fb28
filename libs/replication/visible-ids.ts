import type { DomainId, RecordId } from '#model';
import { AppError, toHex } from '#runtime';
import type { RecordStore } from './ports.ts';
import { walkClosure } from './walk-closure.ts';

// About 1 GB of memory, and what a Set can hold: chunks of some terabytes in one snapshot.
const idsMax = 16_000_000;

/**
 * What somebody who may not know of others' content knows of: an id that is not in here is for him as if it were not
 * stored, whatever the store has. He gets to know an id by sending what it names, or by being shown what refers to it.
 */
export class VisibleIds {
  readonly #ids = new Set<string>();

  has(id: RecordId): boolean {
    return this.#ids.has(toHex(id));
  }

  add(ids: Iterable<RecordId>): void {
    for (const id of ids) this.#ids.add(toHex(id));
    if (this.#ids.size > idsMax) throw tooMany();
  }

  /** Adds all that a complete snapshot consists of; what of it is lost here stays out, and so is wanted again. */
  async addClosure(store: RecordStore, domainId: DomainId, snapshotId: RecordId): Promise<void> {
    for await (const { records } of walkClosure(store, domainId, snapshotId, undefined))
      for (const { ids } of records) this.add(ids);
  }
}

function tooMany(): AppError {
  return new AppError(`an agent's snapshot may hold at most ${idsMax} different contents`, {
    code: 'snapshot_too_large',
    advice: 'Divide what is backed up into several datasets, or back it up at the appliance itself.',
  });
}
