import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { assertOpenable, isReadFailure, lmdbFiles, removeFileDurably, systemCode, writeFileDurably } from '#runtime';
import { historyWriteFailed } from './history-errors.ts';

export type HistoryDatabase = RootDatabase<Buffer, Uint8Array>;

// lmdb's transaction flags: abortable, committed when it returns, flushed to disk later. A write must not wait for a disk
// that is busy with records; after a power cut the file is therefore not trusted and made anew.
const transactionFlags = 0x1 | 0x2 | 0x10000;

const bootIdPath = '/proc/sys/kernel/random/boot_id';

/** Opens the database in `folder`, or a new one where the last process did not close it before the machine went down. */
export function openHistoryDatabase(folder: string): HistoryDatabase {
  if (!mayBeOpened(folder)) rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'history.lmdb');
  try {
    writeFileDurably(openNote(folder), bootId());
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
  removeFileDurably(openNote(folder));
}

/** The note lies there while the database is open: it says in which boot. */
function mayBeOpened(folder: string): boolean {
  try {
    return readFileSync(openNote(folder), 'utf8') === bootId();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return true;
    if (isReadFailure(error)) return false;
    throw error;
  }
}

function openNote(folder: string): string {
  return join(folder, 'open-since-boot');
}

function bootId(): string {
  return readFileSync(bootIdPath, 'utf8').trim();
}
