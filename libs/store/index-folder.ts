import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LmdbIndex } from './lmdb-index.ts';
import type { PlaceIndex } from './place-index.ts';
import type { OnNotice } from './store-errors.ts';

/**
 * The folder that holds the index: one subfolder a generation, of which the highest counts. An index that is being made
 * anew lies in `N.new` until it is complete; a crash leaves the old one.
 */
export class IndexFolder {
  readonly #folder: string;
  #generation: number;

  private constructor(folder: string, generation: number) {
    this.#folder = folder;
    this.#generation = generation;
  }

  /** Opens the index, an empty one where there is none or where it is damaged: what it lacks is read from the packs. */
  static async open(folder: string, onNotice: OnNotice): Promise<{ folder: IndexFolder; index: PlaceIndex }> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const names = await readdir(folder);
    const generations = names.filter((name) => /^\d+$/.test(name)).map(Number);
    const newest = Math.max(0, ...generations);
    const stale = names.filter((name) => /^\d+(\.new)?$/.test(name) && name !== String(newest));
    for (const name of stale) await rm(join(folder, name), { recursive: true });
    const self = new IndexFolder(folder, newest);
    try {
      return { folder: self, index: await self.#openCurrent() };
    } catch (error) {
      const details = { cause: String(error) };
      onNotice({ code: 'index_rebuilt', message: 'the index could not be opened and is made anew', details });
      await rm(self.#path(String(newest)), { recursive: true, force: true });
      self.#generation = newest + 1;
      return { folder: self, index: await self.#openCurrent() };
    }
  }

  /** Makes the next generation with `fill`, then opens it. The one before may still be open: call `removeOld` after. */
  async replace(fill: (index: PlaceIndex) => Promise<void>): Promise<PlaceIndex> {
    const next = this.#generation + 1;
    const temporary = this.#path(`${next}.new`);
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { mode: 0o700 });
    const fresh = LmdbIndex.open(temporary);
    try {
      await fill(fresh);
      await fresh.flush();
    } finally {
      await fresh.close();
    }
    await rename(temporary, this.#path(String(next)));
    this.#generation = next;
    return this.#openCurrent();
  }

  /** Removes generations before the current one, once they are closed. */
  async removeOld(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (/^\d+$/.test(name) && Number(name) < this.#generation) await rm(this.#path(name), { recursive: true });
    }
  }

  async #openCurrent(): Promise<PlaceIndex> {
    const path = this.#path(String(this.#generation));
    await mkdir(path, { recursive: true, mode: 0o700 });
    return LmdbIndex.open(path);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}
