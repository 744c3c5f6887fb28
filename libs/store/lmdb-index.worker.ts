import { parentPort } from 'node:worker_threads';
import { assert } from '#runtime';
import { type LmdbEnvironment, openEnvironment } from './lmdb-environment.ts';
import type { IndexWrite, IndexWritten } from './lmdb-writer.ts';
import { placeKeyBytes, placeValueBytes } from './place-layout.ts';

// Writes to the indexes with LMDB's synchronous calls, off the main thread: they say of a full disk that it is full. Its
// asynchronous ones lose rejections then, or the heap.
const port = parentPort;
assert(port !== null, 'this is a worker');
const environments = new Map<string, LmdbEnvironment>();

port.on('message', (write: IndexWrite) => {
  if (write.close === true) void close(write);
  else port.postMessage({ number: write.number, ...outcomeOf(write) } satisfies IndexWritten);
});

async function close({ number, folder }: IndexWrite): Promise<void> {
  const environment = environments.get(folder);
  environments.delete(folder);
  const failure = await environment?.close().catch(String);
  port?.postMessage({ number, ...(failure === undefined ? {} : { failure }) } satisfies IndexWritten);
}

function outcomeOf(write: IndexWrite): { failure?: string } {
  try {
    const environment = environments.get(write.folder) ?? openEnvironment(write.folder);
    environments.set(write.folder, environment);
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
