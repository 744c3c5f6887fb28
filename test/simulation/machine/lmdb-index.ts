// Stands in for libs/store/lmdb-index.ts, whose writer is a thread: the same port, kept in a file of the simulated disk.
import { SimulatedFile } from './disk.ts';
import { beforeOperation, type Machine, runningMachine } from './machine.ts';
import { asynchronously, failure, locate, OpenFile } from './open-file.ts';

interface Place {
  readonly pack: number;
}

interface Covered {
  readonly number: number;
}

class Content {
  readonly places: Map<string, Place>;
  readonly covered: Map<number, Covered>;

  constructor(places = new Map<string, Place>(), covered = new Map<number, Covered>()) {
    [this.places, this.covered] = [places, covered];
  }

  /** Its writes are durable when they resolve, and not visible before. */
  cutPower(): void {
    // Nothing of it is lost.
  }

  clone(): Content {
    return new Content(new Map(this.places), new Map(this.covered));
  }
}

/** id -> place: durable and visible when `put` resolves, as LMDB's is. */
export class LmdbIndex {
  readonly #machine: Machine;
  readonly #content: Content;
  readonly #path: string;

  private constructor(machine: Machine, content: Content, path: string) {
    [this.#machine, this.#content, this.#path] = [machine, content, path];
  }

  static open(folder: string): LmdbIndex {
    const path = `${folder}/data.mdb`;
    if (locate(path, 'open').node === undefined) {
      const made = OpenFile.open(path, 'w');
      made.write(Buffer.from('index'), 0);
      made.syncNow();
      made.forget();
    }
    const { node } = locate(path, 'open');
    if (!(node instanceof SimulatedFile)) throw failure('EISDIR', 'open', path);
    const content = node.attachment instanceof Content ? node.attachment : new Content();
    node.attachment = content;
    return new LmdbIndex(runningMachine(), content, path);
  }

  async lookup(keys: readonly string[]): Promise<(Place | undefined)[]> {
    return keys.map((key) => this.#content.places.get(key));
  }

  put(entries: Iterable<[key: string, place: Place]>): Promise<void> {
    return this.#later(() => {
      for (const [key, place] of entries) this.#content.places.set(key, place);
    });
  }

  cover(pack: Covered): Promise<void> {
    return this.#later(() => void this.#content.covered.set(pack.number, pack));
  }

  covered(): Covered[] {
    return [...this.#content.covered.values()];
  }

  drop(pack: number, keys: readonly string[]): Promise<void> {
    return this.#later(() => {
      this.#content.covered.delete(pack);
      for (const key of keys) if (this.#content.places.get(key)?.pack === pack) this.#content.places.delete(key);
    });
  }

  async *entries(): AsyncGenerator<[key: string, place: Place]> {
    yield* [...this.#content.places];
  }

  async close(): Promise<void> {
    await asynchronously(() => undefined);
  }

  #later(change: () => void): Promise<void> {
    return asynchronously(
      () =>
        new Promise<void>((resolve) => {
          beforeOperation(this.#machine, `write to ${this.#path}`);
          this.#machine.after(this.#machine.random.fraction() * 10, `${this.#path} is written`, () => {
            change();
            resolve();
          });
        }),
    );
  }
}
