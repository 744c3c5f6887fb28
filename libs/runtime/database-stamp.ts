import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from './app-error.ts';
import { writeFileDurably } from './durable-files.ts';
import { isReadFailure } from './read-failures.ts';

const bootIdPath = '/proc/sys/kernel/random/boot_id';
const blockBytes = 1_048_576;

/** What lies there. LMDB maps the file, and a wrong byte in it can end the process. */
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
 * `stamp.json` beside an LMDB file that is a cache, or may be lost: whether that file may be opened. It may when it is what
 * was closed, byte for byte; or once after a process was killed, since LMDB survives that. Not after a power cut (it is told
 * not to wait for the disk), and not when the last one, too, ended without closing it: it may be what ended it. Nor when
 * the disk cannot read it.
 */
export class DatabaseStamp {
  readonly #folder: string;
  readonly #file: string;
  readonly #version: number;

  /** `version` counts up whenever what `file` holds changes its shape or meaning: an older one may not be opened. */
  constructor(folder: string, file: string, version: number) {
    [this.#folder, this.#file, this.#version] = [folder, file, version];
  }

  /** True when the file may be opened, and then notes that it is open. */
  mayOpen(): boolean {
    try {
      return this.#isAsNoted();
    } catch (error) {
      if (isReadFailure(error)) return false;
      throw error;
    }
  }

  /** Notes that the file is open: whoever finds this note knows that it was not closed. */
  noteOpen(unclean = false): void {
    this.#write({ version: this.#version, sha256: undefined, boot: bootId(), unclean });
  }

  /**
   * Notes that the file is closed, as it is now. Where that cannot be found out it stays noted as open, and the next start
   * makes it anew.
   */
  noteClosed(): void {
    const sha256 = hashIfReadable(this.#file);
    if (sha256 !== undefined) this.#write({ version: this.#version, sha256, boot: bootId(), unclean: false });
  }

  /** The file is damaged: nobody opens it again. */
  forget(): void {
    rmSync(this.#path, { force: true });
  }

  get #path(): string {
    return join(this.#folder, 'stamp.json');
  }

  #isAsNoted(): boolean {
    const stamp = this.#read();
    if (stamp?.version !== this.#version) return false;
    if (stamp.sha256 !== undefined) {
      if (stamp.sha256 !== hashOf(this.#file)) return false;
      this.noteOpen();
      return true;
    }
    if (stamp.unclean || stamp.boot !== bootId()) return false;
    this.noteOpen(true);
    return true;
  }

  #write(stamp: Stamp): void {
    writeFileDurably(this.#path, `${JSON.stringify(stamp)}\n`);
  }

  #read(): Partial<Stamp> | undefined {
    try {
      return JSON.parse(readFileSync(this.#path, 'utf8'));
    } catch (error) {
      if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}

function hashIfReadable(file: string): string | undefined {
  try {
    return hashOf(file);
  } catch (error) {
    if (isReadFailure(error)) return undefined;
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
