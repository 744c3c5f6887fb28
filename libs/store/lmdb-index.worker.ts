import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '#runtime';
import { type LmdbEnvironment, openEnvironment } from './lmdb-environment.ts';
import type { IndexWrite, IndexWritten } from './lmdb-writer.ts';
import { placeKeyBytes, placeValueBytes } from './place-layout.ts';

// Writes to the index with LMDB's synchronous calls, off the main thread: they say of a full disk that it is full. Its
// asynchronous ones lose rejections then, or the heap.
const port = parentPort;
assert(port !== null && typeof workerData === 'string', 'this is a worker');
const environment = openEnvironment(workerData);

port.on('message', (write: IndexWrite) => {
  if (write.close === true) {
    void environment.close().then(() => port.close());
    return;
  }
  const written: IndexWritten = { number: write.number, ...outcomeOf(write) };
  port.postMessage(written);
});

function outcomeOf(write: IndexWrite): { failure?: string } {
  try {
    environment.places.transactionSync(() => apply(environment, write));
    return {};
  } catch (error) {
    return { failure: String(error) };
  }
}

function apply({ places, packs }: LmdbEnvironment, { put, remove, cover, uncover }: IndexWrite): void {
  if (put !== undefined) {
    for (let i = 0; i * placeKeyBytes < put.keys.length; i++) {
      const key = put.keys.subarray(i * placeKeyBytes, (i + 1) * placeKeyBytes);
      places.putSync(key, Buffer.from(put.values.subarray(i * placeValueBytes, (i + 1) * placeValueBytes)));
    }
  }
  if (remove !== undefined) {
    for (let at = 0; at < remove.length; at += placeKeyBytes)
      places.removeSync(remove.subarray(at, at + placeKeyBytes));
  }
  if (cover !== undefined) packs.putSync(cover.key, Buffer.from(cover.value));
  if (uncover !== undefined) packs.removeSync(uncover);
}
