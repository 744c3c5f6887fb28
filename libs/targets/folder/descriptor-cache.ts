import { type FileHandle, open } from 'node:fs/promises';

interface Cached {
  readonly opening: Promise<FileHandle>;
  users: number;
  dropped: boolean;
}

/** Keeps the most recently read files open, at most `openMax`, so that reading a record is one system call. */
export class DescriptorCache {
  readonly #openMax: number;
  /** The order of a Map is the order of use: the oldest comes first. */
  readonly #cached = new Map<string, Cached>();

  constructor(openMax: number) {
    this.#openMax = openMax;
  }

  /** Runs `read` with an open handle of the file at `path`; the handle is not closed under it. */
  async use<T>(path: string, read: (handle: FileHandle) => Promise<T>): Promise<T> {
    const cached = this.#cached.get(path) ?? { opening: open(path, 'r'), users: 0, dropped: false };
    this.#cached.delete(path);
    this.#cached.set(path, cached);
    cached.users += 1;
    try {
      return await read(await cached.opening);
    } finally {
      cached.users -= 1;
      if (await failed(cached.opening)) this.#forgetFailed(path, cached);
      else if (cached.dropped && cached.users === 0) await closeHandle(cached);
      await this.#evict();
    }
  }

  /** Closes the handle of `path` as soon as nobody reads from it. */
  async forget(path: string): Promise<void> {
    const cached = this.#cached.get(path);
    if (cached === undefined) return;
    this.#cached.delete(path);
    cached.dropped = true;
    if (cached.users === 0 && !(await failed(cached.opening))) await closeHandle(cached);
  }

  async close(): Promise<void> {
    for (const path of [...this.#cached.keys()]) await this.forget(path);
  }

  async #evict(): Promise<void> {
    while (this.#cached.size > this.#openMax) {
      const [oldest] = this.#cached.keys();
      if (oldest === undefined) return;
      await this.forget(oldest);
    }
  }

  #forgetFailed(path: string, cached: Cached): void {
    if (this.#cached.get(path) === cached) this.#cached.delete(path);
  }
}

function failed(opening: Promise<FileHandle>): Promise<boolean> {
  return opening.then(
    () => false,
    () => true,
  );
}

async function closeHandle(cached: Cached): Promise<void> {
  const handle = await cached.opening;
  // A reader may have come between the decision and this line, or another closer.
  if (cached.users === 0 && handle.fd >= 0) await handle.close();
}
