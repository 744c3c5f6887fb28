import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { crc32 } from 'node:zlib';
import { open, type RootDatabase } from 'lmdb';
import { assert, assertOpenable, DatabaseStamp, lmdbFiles } from '#runtime';
import { catalogClosed, viewsDamaged, viewsWriteFailed } from './catalog-errors.ts';

// lmdb's transaction flags: abortable, committed when it returns, flushed to disk later: the logs are on
// stable storage already, and after a power cut the views are not trusted at all.
const transactionFlags = 0x1 | 0x2 | 0x10000;

/** Counts up whenever what the views hold changes its shape or meaning: older ones are then dropped and built anew. */
const viewsVersion = 1;
const noBody = Buffer.alloc(0);

export interface ViewRow {
  readonly key: Uint8Array;
  readonly value: unknown;
}

export interface ViewRange {
  /** Starts behind this key (in the direction of the range). */
  readonly after?: Uint8Array | undefined;
  readonly reverse?: boolean | undefined;
  readonly limit?: number | undefined;
}

/**
 * Ordered rows in one LMDB file: a cache that can be dropped at any time. Values are structured clones behind a checksum.
 * A row that is not what was written gives `catalog_views_damaged`, and the next open starts from nothing.
 */
export class ViewStore {
  readonly #folder: string;
  readonly #database: RootDatabase<Buffer, Uint8Array>;
  #isDamaged = false;
  #isClosed = false;

  private constructor(folder: string, database: RootDatabase<Buffer, Uint8Array>) {
    this.#folder = folder;
    this.#database = database;
  }

  /** Opens the views in `folder`; drops what is there when it may not be what was written. */
  static open(folder: string): ViewStore {
    const stamp = stampIn(folder);
    if (!stamp.mayOpen()) {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      stamp.noteOpen();
    }
    return new ViewStore(folder, openDatabase(folder));
  }

  get(key: Uint8Array): unknown {
    this.#checkOpen();
    const bytes = this.#database.getBinary(key);
    return bytes === undefined ? undefined : this.#decode(bytes);
  }

  has(key: Uint8Array): boolean {
    this.#checkOpen();
    return this.#database.doesExist(key);
  }

  /** Only inside `transact`. */
  put(key: Uint8Array, value: unknown): void {
    // Most rows say nothing but their key.
    const body = value === null ? noBody : serialize(value);
    const row = Buffer.allocUnsafe(4 + body.length);
    row.writeUInt32LE(crc32(body), 0);
    row.set(body, 4);
    written(() => this.#database.putSync(key, row));
  }

  /** Only inside `transact`. */
  remove(key: Uint8Array): void {
    written(() => this.#database.removeSync(key));
  }

  /** Rows whose keys begin with `prefix`, in memcmp order. Do not write while it runs. */
  *range(prefix: Uint8Array, { after, reverse = false, limit }: ViewRange = {}): Generator<ViewRow> {
    this.#checkOpen();
    const end = endOf(prefix);
    const options = reverse
      ? { start: after ?? end, end: prefix, reverse: true, inclusiveEnd: true, exclusiveStart: true }
      : { start: after ?? prefix, end, exclusiveStart: after !== undefined };
    let left = limit ?? Number.POSITIVE_INFINITY;
    for (const { key, value } of this.#database.getRange(options)) {
      this.#checkOpen();
      if (left-- <= 0) return;
      yield { key, value: this.#decode(value) };
    }
  }

  /** All the writes of `work`, or none when it throws. Throws `catalog_views_write_failed` when the disk is full, say. */
  transact<T>(work: () => T): T {
    this.#checkOpen();
    let done: { readonly result: T } | undefined;
    try {
      this.#database.transactionSync(() => {
        done = { result: work() };
      }, transactionFlags);
    } catch (cause) {
      throw done === undefined ? cause : viewsWriteFailed(cause);
    }
    assert(done !== undefined, 'lmdb has not run a transaction');
    return done.result;
  }

  /** Removes every row. */
  clear(): void {
    written(() => this.#database.transactionSync(() => this.#database.clearSync(), transactionFlags));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#database.flushed;
    await this.#database.close();
    if (!this.#isDamaged) stampIn(this.#folder).noteClosed();
  }

  /** lmdb ends the process when a closed database is read. */
  #checkOpen(): void {
    if (this.#isClosed) throw catalogClosed();
  }

  #decode(row: Buffer): unknown {
    const body = row.subarray(4);
    if (row.length >= 4 && crc32(body) === row.readUInt32LE(0)) return body.length === 0 ? null : deserialize(body);
    stampIn(this.#folder).forget();
    this.#isDamaged = true;
    throw viewsDamaged();
  }
}

function stampIn(folder: string): DatabaseStamp {
  return new DatabaseStamp(folder, fileIn(folder), viewsVersion);
}

function openDatabase(folder: string): RootDatabase<Buffer, Uint8Array> {
  const path = fileIn(folder);
  // lmdb-js ends the process when LMDB cannot open a file.
  written(() => assertOpenable(lmdbFiles(path)));
  const database = open<Buffer, Uint8Array>({
    path,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    cache: false,
  });
  // Readers of killed processes would keep old pages for ever.
  database.readerCheck();
  return database;
}

function written(write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw viewsWriteFailed(cause);
  }
}

function fileIn(folder: string): string {
  return join(folder, 'views.lmdb');
}

/** The first key behind all that begin with `prefix`, which is not all 0xff: its first byte is a table's number. */
function endOf(prefix: Uint8Array): Uint8Array {
  const end = new Uint8Array(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i] !== 0xff) {
      end[i] = (end[i] ?? 0) + 1;
      return end.subarray(0, i + 1);
    }
  }
  return end;
}
