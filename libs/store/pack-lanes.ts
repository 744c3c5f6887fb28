import { asId, type RealmId } from '#model';
import { isAppError, type Random } from '#runtime';
import type { Volumes } from '#targets';
import type { PackClass } from './pack-header.ts';
import { packName } from './pack-name.ts';
import type { Pack, PackTable } from './pack-table.ts';
import { PackWriter } from './pack-writer.ts';
import type { OnNotice } from './store-errors.ts';

export interface PackLanesOptions {
  readonly volumes: Volumes;
  readonly table: PackTable;
  readonly realmId: RealmId;
  readonly random: Random;
  readonly packBytes: number;
  readonly onNotice: OnNotice;
  /** A pack is complete: its footer is durable, its name final. */
  readonly onClosed: (pack: Pack) => void;
}

/** One growing pack a class, at most: opens them, closes them when they are full, gives them up when they fail. */
export class PackLanes {
  readonly #options: PackLanesOptions;
  readonly #writers = new Map<PackClass, PackWriter>();
  readonly #growing = new Map<number, PackWriter>();
  readonly #closings = new Set<Promise<void>>();
  /** Files of packs that are no more, by number: removed once a higher number exists, so that none is used twice. */
  readonly #removable = new Map<number, string>();
  /** Of those, what was told once. */
  readonly #notRemoved = new Set<string>();
  /** Files that are being created: on the disk already, in the table in a moment. */
  readonly #births = new Set<string>();

  constructor(options: PackLanesOptions) {
    this.#options = options;
  }

  /**
   * The writer of the next group of this class. A full pack is closed in the background, when `syncing`, the sync that
   * is under way, is over (it resolves with its failure, or with undefined).
   */
  async writerOf(packClass: PackClass, syncing: Promise<unknown>): Promise<PackWriter> {
    const writer = this.#writers.get(packClass);
    if (writer !== undefined && writer.length < this.#options.packBytes) return writer;
    if (writer !== undefined) this.#retire(writer, syncing);
    const { volumes, table, random, realmId } = this.#options;
    const packId = asId('PackId', random.bytes(16));
    const number = table.nextNumber();
    const file = packName(number, 'open');
    this.#births.add(file);
    try {
      const next = await PackWriter.create({ volumes, number, class: packClass, packId, realmId });
      table.add({ number, class: packClass, state: 'growing', bytes: 0, records: 0 });
      return await this.#grow(next);
    } finally {
      this.#births.delete(file);
    }
  }

  async #grow(next: PackWriter): Promise<PackWriter> {
    this.#writers.set(next.class, next);
    this.#growing.set(next.number, next);
    await this.#removeSafe();
    return next;
  }

  /** The writer of a growing pack, for what only it knows. */
  growing(number: number): PackWriter | undefined {
    return this.#growing.get(number);
  }

  /** True of a file outside the table that is here by right: just being created, or empty and waiting for its removal. */
  accountsFor(file: string): boolean {
    return this.#births.has(file) || [...this.#removable.values()].includes(file);
  }

  /** Closes the packs that grow; what comes next opens new ones. Nothing may be under way in them. */
  async closeAll(): Promise<void> {
    for (const writer of [...this.#writers.values()]) this.#retire(writer, Promise.resolve(undefined));
    await Promise.all(this.#closings);
    await this.#removeSafe();
  }

  /** Takes note that these groups are durable now. */
  grown(groups: Iterable<{ readonly writer: PackWriter; readonly records: readonly unknown[] }>): void {
    for (const { writer, records } of groups) {
      const pack = this.#options.table.get(writer.number);
      if (pack === undefined) continue;
      pack.records += records.length;
      if (pack.state !== 'closed') pack.bytes = writer.durableBytes;
    }
  }

  /** Leaves every pack that grows as it lies: after a failure no end of a file is known. */
  async abandonAll(): Promise<void> {
    const writers = [...this.#writers.values()];
    this.#writers.clear();
    for (const writer of writers) await this.#leave(writer);
    await Promise.all(this.#closings);
  }

  /** Removes the file of a pack that is not in the table, now or as soon as its number cannot come again. */
  async removeWhenSafe(number: number, file: string): Promise<void> {
    this.#removable.set(number, file);
    await this.#removeSafe();
  }

  #retire(writer: PackWriter, syncing: Promise<unknown>): void {
    this.#writers.delete(writer.class);
    const closing = syncing
      .then((failure) => (failure === undefined ? this.#close(writer) : this.#leave(writer)))
      .finally(() => this.#closings.delete(closing));
    this.#closings.add(closing);
  }

  async #close(writer: PackWriter): Promise<void> {
    const pack = this.#options.table.get(writer.number);
    if (pack === undefined) return;
    try {
      pack.bytes = await writer.finish();
      pack.state = 'closed';
      this.#growing.delete(writer.number);
    } catch (error) {
      await this.#leave(writer);
      // A rename whose sync failed may have happened all the same: then the file is there under its final name.
      if (await this.#hasFile(packName(writer.number, 'pack'))) [pack.state, pack.bytes] = ['closed', writer.fileBytes];
      this.#options.onNotice({
        code: 'pack_left_open',
        message: `pack ${writer.number} could not be closed; its records are safe, the next start closes it`,
        details: { pack: writer.number, cause: String(error) },
      });
      return;
    }
    this.#options.onClosed(pack);
  }

  async #leave(writer: PackWriter): Promise<void> {
    const { table, onNotice } = this.#options;
    const { number } = writer;
    this.#growing.delete(number);
    const pack = table.get(number);
    if (pack !== undefined) [pack.state, pack.bytes] = ['left', writer.durableBytes];
    try {
      await writer.abandon();
    } catch (error) {
      const details = { pack: number, cause: String(error) };
      onNotice({ code: 'pack_left_open', message: `pack ${number} was left open after a failure`, details });
    }
    if (writer.durableBytes > 0) return;
    table.remove(number);
    await this.removeWhenSafe(number, packName(number, 'open'));
  }

  async #hasFile(name: string): Promise<boolean> {
    try {
      return (await this.#options.volumes.readAt(name, 0, 1)).length > 0;
    } catch (error) {
      if (isAppError(error)) return false;
      throw error;
    }
  }

  async #removeSafe(): Promise<void> {
    if (this.#removable.size === 0) return;
    const { volumes, table, onNotice } = this.#options;
    const highest = table.highestExisting();
    for (const [number, file] of [...this.#removable].filter(([candidate]) => candidate < highest)) {
      try {
        await volumes.remove(file);
        this.#removable.delete(number);
      } catch (error) {
        if (isAppError(error, 'volume_gone')) this.#removable.delete(number);
        // Left there it would come back with the next start, as the damaged pack that it was.
        if (this.#notRemoved.has(file)) continue;
        this.#notRemoved.add(file);
        const details = { file, cause: String(error) };
        onNotice({
          code: 'file_not_removed',
          message: `${file} is of no use any more but could not be removed; it is tried again`,
          details,
        });
      }
    }
  }
}
