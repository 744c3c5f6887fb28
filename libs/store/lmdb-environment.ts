import { join } from 'node:path';
import { type Database, open } from 'lmdb';
import { assertOpenable, lmdbFiles } from '#runtime';
import { assertLmdbFile } from './lmdb-guards.ts';

type BytesDatabase = Database<Buffer, Uint8Array>;

/** The LMDB environment of an index: id -> place, and which packs are covered. Threads that open it share it. */
export interface LmdbEnvironment {
  readonly places: BytesDatabase;
  readonly packs: BytesDatabase;
  close(): Promise<void>;
}

/** Opens or makes the environment in `folder`. Throws `index_damaged`, or what LMDB throws. */
export function openEnvironment(folder: string): LmdbEnvironment {
  const path = join(folder, 'index.mdb');
  assertLmdbFile(path);
  // lmdb-js ends the process when LMDB cannot open a file.
  assertOpenable(lmdbFiles(path));
  const bytes = { keyEncoding: 'binary', encoding: 'binary' } as const;
  const root = open<Buffer, Uint8Array>({ path, noSubdir: true, maxDbs: 2, overlappingSync: false, ...bytes });
  // A killed process leaves its reader behind, and the pages that reader saw could never be used again.
  root.readerCheck();
  return {
    places: root.openDB<Buffer, Uint8Array>({ name: 'places', ...bytes }),
    packs: root.openDB<Buffer, Uint8Array>({ name: 'packs', ...bytes }),
    close: () => root.close(),
  };
}
