import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isReadFailure, systemCode, writeFileDurably } from '#runtime';

/** Counts up whenever what the views hold changes its shape or meaning: older ones are then dropped and built anew. */
const viewsVersion = 1;
const bootIdPath = '/proc/sys/kernel/random/boot_id';
const blockBytes = 1_048_576;

/** `stamp.json` beside the database: whether it may be opened. lmdb maps the file, and a wrong byte in it can end the process. */
interface Stamp {
  readonly version: number;
  /** Of the file as it was closed; undefined while it is open. */
  readonly sha256: string | undefined;
  /** The boot in which it was opened. */
  readonly boot: string;
  /** The process has ended without closing it, once before. */
  readonly unclean: boolean;
}

/**
 * True when the views in `folder` may be opened, and then notes that they are open. They may when they are what was
 * closed, byte for byte; or once after a process was killed, since lmdb survives that. Not after a power cut (it is told
 * not to wait for the disk), and not when the last one, too, ended without closing them: they may be what ended it. Nor when
 * the disk cannot read them.
 */
export function mayOpenViews(folder: string, file: string): boolean {
  try {
    return areAsNoted(folder, file);
  } catch (error) {
    if (isReadFailure(error)) return false;
    throw error;
  }
}

function areAsNoted(folder: string, file: string): boolean {
  const stamp = readStamp(folder);
  if (stamp?.version !== viewsVersion) return false;
  if (stamp.sha256 !== undefined) {
    if (stamp.sha256 !== hashOf(file)) return false;
    noteOpen(folder);
    return true;
  }
  if (stamp.unclean || stamp.boot !== bootId()) return false;
  noteOpen(folder, true);
  return true;
}

/** Notes that the views are open: whoever finds this note knows that they were not closed. */
export function noteOpen(folder: string, unclean = false): void {
  write(folder, { version: viewsVersion, sha256: undefined, boot: bootId(), unclean });
}

/**
 * Notes that the views are closed, as they are now. Where that cannot be found out they stay noted as open, and the next
 * start makes them anew: slower, and with nothing lost.
 */
export function noteClosed(folder: string, file: string): void {
  const sha256 = hashIfReadable(file);
  if (sha256 !== undefined) write(folder, { version: viewsVersion, sha256, boot: bootId(), unclean: false });
}

function hashIfReadable(file: string): string | undefined {
  try {
    return hashOf(file);
  } catch (error) {
    if (isReadFailure(error)) return undefined;
    throw error;
  }
}

function write(folder: string, stamp: Stamp): void {
  writeFileDurably(join(folder, 'stamp.json'), `${JSON.stringify(stamp)}\n`);
}

function readStamp(folder: string): Partial<Stamp> | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'stamp.json'), 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function bootId(): string {
  return readFileSync(bootIdPath, 'utf8').trim();
}

/** SHA-256 of a file in hexadecimal; undefined when there is none. */
function hashOf(file: string): string | undefined {
  try {
    statSync(file);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const descriptor = openSync(file, 'r');
  try {
    const hash = createHash('sha256');
    const block = Buffer.allocUnsafe(blockBytes);
    for (let read = readSync(descriptor, block); read > 0; read = readSync(descriptor, block)) {
      hash.update(block.subarray(0, read));
    }
    return hash.digest('hex');
  } finally {
    closeSync(descriptor);
  }
}
