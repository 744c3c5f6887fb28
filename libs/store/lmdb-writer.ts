import { Worker } from 'node:worker_threads';
import { indexWriteFailed } from './store-errors.ts';

/** What one transaction of the index does; keys and values lie one after the other. */
export interface IndexChange {
  readonly put?: { readonly keys: Uint8Array; readonly values: Uint8Array };
  readonly remove?: Uint8Array;
  readonly cover?: { readonly key: Uint8Array; readonly value: Uint8Array };
  readonly uncover?: Uint8Array;
}

/** A change on its way to the worker, or the word to end. */
export interface IndexWrite extends IndexChange {
  readonly number: number;
  readonly close?: boolean;
}

export interface IndexWritten {
  readonly number: number;
  readonly failure?: string;
}

/** Hands changes of the index to a worker, which starts with the first one. */
export class LmdbWriter {
  readonly #folder: string;
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>();
  #worker: Worker | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #last = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Resolves when the change is durable as a whole; rejects (`index_write_failed`) when nothing of it happened. */
  write(change: IndexChange): Promise<void> {
    const worker = this.#worker ?? this.#start();
    this.#last += 1;
    const written = Promise.withResolvers<void>();
    this.#waiting.set(this.#last, written);
    worker.ref();
    worker.postMessage({ number: this.#last, ...change } satisfies IndexWrite);
    return written.promise;
  }

  /** Ends the worker after what it was given. */
  async close(): Promise<void> {
    this.#worker?.ref();
    this.#worker?.postMessage({ number: 0, close: true } satisfies IndexWrite);
    await this.#ended;
  }

  #start(): Worker {
    const worker = new Worker(new URL('./lmdb-index.worker.ts', import.meta.url), { workerData: this.#folder });
    this.#worker = worker;
    worker.on('message', ({ number, failure }: IndexWritten) => {
      const written = this.#waiting.get(number);
      this.#waiting.delete(number);
      // An index that nobody closes must not keep the process alive; a write that somebody awaits must.
      if (this.#waiting.size === 0) worker.unref();
      if (failure === undefined) written?.resolve();
      else written?.reject(indexWriteFailed(new Error(failure)));
    });
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    worker.on('error', (error) => this.#end(worker, error));
    worker.on('exit', () => {
      this.#end(worker, new Error('the worker of the index ended'));
      ended.resolve();
    });
    return worker;
  }

  #end(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const written of this.#waiting.values()) written.reject(indexWriteFailed(cause));
    this.#waiting.clear();
  }
}
