import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAppError, makeFolderDurably } from '#runtime';
import { LmdbIndex } from './lmdb-index.ts';
import type { IndexHome, OpenedIndex, PlaceIndex } from './place-index.ts';
import { indexDamaged, indexWriteFailed, type OnNotice } from './store-errors.ts';

/** There while the index is being opened; one byte for each attempt that did not end. */
const openingFile = 'opening';

/**
 * The folder that holds the index: one subfolder a generation, of which the highest counts. An index that is being made
 * anew lies in `N.new` until it is complete; a crash leaves the old one.
 */
export class IndexFolder implements IndexHome {
  readonly #folder: string;
  readonly #onNotice: OnNotice;
  #generation: number;
  #damageTold = false;

  private constructor(folder: string, generation: number, onNotice: OnNotice) {
    this.#folder = folder;
    this.#generation = generation;
    this.#onNotice = onNotice;
  }

  /**
   * Opens the index, an empty one where there is none or where it cannot be used: what it lacks is read from the packs.
   * LMDB dies of damaged pages, so an opening that did not come to `opened` twice in a row takes a new index.
   * Throws `index_write_failed`.
   */
  static open(folder: string, onNotice: OnNotice): Promise<OpenedIndex> {
    return typed(() => IndexFolder.#open(folder, onNotice));
  }

  static async #open(folder: string, onNotice: OnNotice): Promise<OpenedIndex> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const names = await readdir(folder);
    const newest = Math.max(0, ...names.filter((name) => /^\d+$/.test(name)).map(Number));
    const stale = names.filter((name) => /^\d+(\.new)?$/.test(name) && name !== String(newest));
    for (const name of stale) await rm(join(folder, name), { recursive: true });
    const self = new IndexFolder(folder, newest, onNotice);
    const attempts = names.includes(openingFile) ? (await readFile(self.#path(openingFile))).length : 0;
    await writeFile(self.#path(openingFile), '.'.repeat(attempts + 1));
    try {
      if (attempts >= 2) throw indexDamaged('the last starts did not get beyond it');
      return { home: self, index: await self.#openCurrent() };
    } catch (error) {
      const details = { cause: String(error) };
      onNotice({ code: 'index_rebuilt', message: 'the index could not be used and is made anew', details });
      await rm(self.#path(String(newest)), { recursive: true, force: true });
      self.#generation = newest + 1;
      return { home: self, index: await self.#openCurrent() };
    }
  }

  /** Removes every generation; the next opening starts from nothing. */
  static async discard(folder: string): Promise<void> {
    await typed(() => rm(folder, { recursive: true, force: true }));
  }

  /** Says that the index was read and works. */
  async opened(): Promise<void> {
    await this.#removing(openingFile);
  }

  /**
   * Makes the next generation with `fill`, then opens it. The one before may still be open: call `removeOld` after. Throws
   * `index_write_failed`: then the one before is still good.
   */
  replace(fill: (index: PlaceIndex) => Promise<void>): Promise<PlaceIndex> {
    return typed(() => this.#replace(fill));
  }

  async #replace(fill: (index: PlaceIndex) => Promise<void>): Promise<PlaceIndex> {
    const next = this.#generation + 1;
    const temporary = this.#path(`${next}.new`);
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { mode: 0o700 });
    const fresh = this.#openAt(temporary);
    try {
      await fill(fresh);
    } finally {
      await fresh.close();
    }
    await rename(temporary, this.#path(String(next)));
    this.#generation = next;
    return this.#openCurrent();
  }

  /** Removes generations before the current one, once they are closed. */
  async removeOld(): Promise<void> {
    for (const name of await typed(() => readdir(this.#folder))) {
      if (/^\d+$/.test(name) && Number(name) < this.#generation) await this.#removing(name);
    }
  }

  /** What stays of a cache costs space, or a rebuilding, and nothing else: it is told, and the next start tries again. */
  async #removing(name: string): Promise<void> {
    try {
      await rm(this.#path(name), { recursive: true, force: true });
    } catch (error) {
      const message = `${name} of the index is of no use any more but could not be removed`;
      this.#onNotice({ code: 'file_not_removed', message, details: { file: name, cause: String(error) } });
    }
  }

  async #openCurrent(): Promise<PlaceIndex> {
    const path = this.#path(String(this.#generation));
    // Its name, too, if it was renamed just now: else a power cut brings back the one before, which knows of packs that were
    // replaced since, and misses them.
    makeFolderDurably(path);
    return this.#openAt(path);
  }

  #openAt(path: string): PlaceIndex {
    return LmdbIndex.open(path, () => {
      if (this.#damageTold) return;
      this.#damageTold = true;
      const message = 'the index is damaged: what it lost counts as missing until "sitepair store reindex" has run';
      this.#onNotice({ code: 'index_damaged', message, details: {} });
    });
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

/** What the system or LMDB refuses is told as a failure of the index, whoever asked for it. */
async function typed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isAppError(error) ? error : indexWriteFailed(error);
  }
}
