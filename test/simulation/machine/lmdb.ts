// Stands in for the package lmdb: what libs/catalog/view-store.ts uses of it, in memory, kept in a file of the simulated
// disk as committed. The real one survives the kill of its process; after a power cut the catalog does not ask for it.
import { SimulatedFile } from './disk.ts';
import { beforeOperation, type Machine, runningMachine } from './machine.ts';
import { failure, locate, OpenFile } from './open-file.ts';
import type { SeededRandom } from './random.ts';

/** Rows in memcmp order of their keys. */
class Rows {
  readonly keys: string[];
  readonly values: Map<string, Buffer>;

  constructor(keys: string[] = [], values = new Map<string, Buffer>()) {
    this.keys = keys;
    this.values = values;
  }

  clone(): Rows {
    return new Rows([...this.keys], new Map(this.values));
  }

  /** The catalog tells LMDB not to wait for the disk: after a power cut any page of it may be an old one, or none. */
  cutPower(random: SeededRandom): void {
    const lost = random.pick([0, 0.1, 0.5, 1]);
    for (const key of [...this.keys]) if (random.chance(lost)) this.put(key, undefined);
  }

  put(key: string, value: Buffer | undefined): void {
    const isThere = this.values.has(key);
    if (value === undefined) {
      if (!isThere) return;
      this.values.delete(key);
      this.keys.splice(this.from(key), 1);
      return;
    }
    this.values.set(key, value);
    if (!isThere) this.keys.splice(this.from(key), 0, key);
  }

  /** The place of the first key that is not before `key`. */
  from(key: string): number {
    let [low, high] = [0, this.keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

interface RangeOptions {
  readonly start?: Uint8Array;
  readonly end?: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly exclusiveStart?: boolean;
}

// One character a byte: strings of these compare as memcmp does.
const textOf = (key: Uint8Array) => Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');

class SimulatedDatabase {
  readonly flushed = Promise.resolve(true);
  readonly #machine: Machine;
  readonly #file: SimulatedFile;
  readonly #path: string;
  readonly #rows: Rows;
  #undo: [key: string, before: Buffer | undefined][] | undefined;
  #commits = 0;

  constructor(path: string) {
    const { node } = locate(path, 'open');
    if (node === undefined) OpenFile.open(path, 'w').forget();
    const file = node ?? locate(path, 'open').node;
    if (!(file instanceof SimulatedFile)) throw failure('EISDIR', 'open', path);
    [this.#machine, this.#file, this.#path] = [runningMachine(), file, path];
    this.#rows = file.attachment instanceof Rows ? file.attachment : new Rows();
    file.attachment = this.#rows;
  }

  readerCheck(): number {
    return 0;
  }

  getBinary(key: Uint8Array): Buffer | undefined {
    return this.#rows.values.get(textOf(key));
  }

  doesExist(key: Uint8Array): boolean {
    return this.#rows.values.has(textOf(key));
  }

  putSync(key: Uint8Array, value: Uint8Array): void {
    this.#change(textOf(key), Buffer.from(value));
  }

  removeSync(key: Uint8Array): void {
    this.#change(textOf(key), undefined);
  }

  clearSync(): void {
    for (const key of [...this.#rows.keys]) this.#change(key, undefined);
  }

  *getRange({ start, end, reverse = false, exclusiveStart = false, limit }: RangeOptions) {
    const { keys, values } = this.#rows;
    let left = limit ?? Number.POSITIVE_INFINITY;
    const [from, to] = [start === undefined ? undefined : textOf(start), end === undefined ? undefined : textOf(end)];
    let at = reverse
      ? from === undefined
        ? keys.length - 1
        : this.#rows.from(from)
      : from === undefined
        ? 0
        : this.#rows.from(from);
    if (reverse && from !== undefined && keys[at] !== from) at -= 1;
    if (exclusiveStart && from !== undefined && keys[at] === from) at += reverse ? -1 : 1;
    for (; at >= 0 && at < keys.length && left > 0; at += reverse ? -1 : 1, left -= 1) {
      const key = keys[at] as string;
      if (to !== undefined && (reverse ? key <= to : key >= to)) return;
      yield { key: Buffer.from(key, 'latin1'), value: values.get(key) as Buffer };
    }
  }

  transactionSync(work: () => unknown): void {
    beforeOperation(this.#machine, `begin a transaction of ${this.#path}`);
    const undo: [string, Buffer | undefined][] = [];
    this.#undo = undo;
    try {
      work();
      if (this.#machine.disk.faults.full && undo.length > 0) throw failure('ENOSPC', 'commit', this.#path);
      beforeOperation(this.#machine, `commit a transaction of ${this.#path}`);
    } catch (error) {
      for (const [key, before] of undo.reverse()) this.#rows.put(key, before);
      throw error;
    } finally {
      this.#undo = undefined;
    }
    if (undo.length === 0) return;
    // So that the file is another one after each commit, as LMDB's is.
    const head = Buffer.alloc(16);
    head.writeUInt32LE(++this.#commits, 0);
    head.writeUInt32LE(this.#rows.keys.length, 4);
    head.writeDoubleLE(this.#machine.clock.monotonicMs(), 8);
    this.#file.write(0, head);
    this.#file.synced();
  }

  async close(): Promise<void> {
    await this.flushed;
  }

  #change(key: string, value: Buffer | undefined): void {
    this.#undo?.push([key, this.#rows.values.get(key)]);
    this.#rows.put(key, value);
  }
}

export function open(options: { readonly path: string }): SimulatedDatabase {
  return new SimulatedDatabase(options.path);
}
