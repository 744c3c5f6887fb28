import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { assertOpenable, DatabaseStamp, lmdbFiles } from '#runtime';
import { historyWriteFailed } from './history-errors.ts';

export type HistoryDatabase = RootDatabase<Buffer, Uint8Array>;

// lmdb's transaction flags: abortable, committed when it returns, flushed to disk later. A write must not wait for a disk
// that is busy with records; after a power cut the file is therefore not trusted and made anew.
const transactionFlags = 0x1 | 0x2 | 0x10000;

/** Counts up whenever older blocks cannot be read any more. */
const historyVersion = 1;

/** Opens the database in `folder`, or a new one where that may not be opened (DatabaseStamp). */
export function openHistoryDatabase(folder: string): HistoryDatabase {
  const path = fileIn(folder);
  try {
    const stamp = stampIn(folder);
    if (!stamp.mayOpen()) {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      stamp.noteOpen();
    }
    // lmdb-js ends the process when LMDB cannot open a file.
    assertOpenable(lmdbFiles(path));
    const options = { encoding: 'binary', keyEncoding: 'binary', cache: false, noSubdir: true } as const;
    const database = open<Buffer, Uint8Array>({ path, ...options });
    database.readerCheck();
    return database;
  } catch (cause) {
    throw historyWriteFailed(cause);
  }
}

/** All of `write`, or nothing. Throws `health_write_failed`. */
export function inTransaction(database: HistoryDatabase, write: () => void): void {
  try {
    database.transactionSync(write, transactionFlags);
  } catch (cause) {
    throw historyWriteFailed(cause);
  }
}

export async function closeHistoryDatabase(database: HistoryDatabase, folder: string): Promise<void> {
  await database.flushed;
  await database.close();
  stampIn(folder).noteClosed();
}

/** It was used for a while: should this process be killed, the file was not what ended it. */
export function noteSettled(folder: string): void {
  stampIn(folder).noteOpen();
}

function stampIn(folder: string): DatabaseStamp {
  return new DatabaseStamp(folder, fileIn(folder), historyVersion);
}

function fileIn(folder: string): string {
  return join(folder, 'history.lmdb');
}
