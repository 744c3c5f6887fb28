import { Worker } from 'node:worker_threads';
import { indexWriteFailed } from './store-errors.ts';

/** What one transaction of the index does; keys and values lie one after the other. */
export interface IndexChange {
  readonly put?: { readonly keys: Uint8Array; readonly values: Uint8Array };
  readonly remove?: Uint8Array;
  readonly cover?: { readonly key: Uint8Array; readonly value: Uint8Array };
  readonly uncover?: Uint8Array;
}

/** A change on its way to the worker, or the word to close an index. */
export interface IndexWrite extends IndexChange {
  readonly number: number;
  /** Of the index. */
  readonly folder: string;
  readonly close?: boolean;
}

export interface IndexWritten {
  readonly number: number;
  readonly failure?: string;
}

/** Hands changes of one index to the worker of all, which starts with the first one. */
export class LmdbWriter {
  readonly #folder: string;
  #hasWritten = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Resolves when the change is durable as a whole; rejects (`index_write_failed`) when nothing of it happened. */
  write(change: IndexChange): Promise<void> {
    this.#hasWritten = true;
    return worker.ask({ folder: this.#folder, ...change });
  }

  /** Resolves when the worker has let go of the index, after what it was given. */
  async close(): Promise<void> {
    if (!this.#hasWritten) return;
    this.#hasWritten = false;
    // A worker that has died holds nothing any more.
    await worker.ask({ folder: this.#folder, close: true }).catch(() => undefined);
  }
}

/** One for all indexes of a process: starting one takes as long as opening a store of a thousand packs. */
class WriterWorker {
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>();
  #worker: Worker | undefined;
  #last = 0;

  ask(write: Omit<IndexWrite, 'number'>): Promise<void> {
    const worker = this.#worker ?? this.#start();
    this.#last += 1;
    const written = Promise.withResolvers<void>();
    this.#waiting.set(this.#last, written);
    worker.ref();
    worker.postMessage({ number: this.#last, ...write } satisfies IndexWrite);
    return written.promise;
  }

  #start(): Worker {
    const worker = new Worker(new URL('./lmdb-index.worker.ts', import.meta.url));
    this.#worker = worker;
    worker.on('message', ({ number, failure }: IndexWritten) => {
      const written = this.#waiting.get(number);
      this.#waiting.delete(number);
      // An idle worker must not keep the process alive; a write that somebody awaits must.
      if (this.#waiting.size === 0) worker.unref();
      if (failure === undefined) written?.resolve();
      else written?.reject(indexWriteFailed(new Error(failure)));
    });
    worker.on('error', (error) => this.#end(worker, error));
    worker.on('exit', () => this.#end(worker, new Error('the worker of the index ended')));
    return worker;
  }

  #end(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const written of this.#waiting.values()) written.reject(indexWriteFailed(cause));
    this.#waiting.clear();
  }
}

const worker = new WriterWorker();
