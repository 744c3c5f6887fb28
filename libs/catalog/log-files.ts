import { mkdirSync, readdirSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fromHex, isAppError, readingState, readingStateAsync, syncFolder, systemCode, toHex } from '#runtime';
import { logWriteFailed, malformedCatalog } from './catalog-errors.ts';
import { decodeFrame, type FramePlace } from './log-frame.ts';

/** A log by its name. */
export interface LogName {
  readonly siteId: Uint8Array;
  readonly incarnationId: Uint8Array;
  readonly number: number;
}

/** `logs/<site hex>/<number>-<incarnation hex>.log` under the catalog's folder. */
export function logPath(folder: string, name: LogName): string {
  return join(folder, 'logs', toHex(name.siteId), `${name.number}-${toHex(name.incarnationId)}.log`);
}

/** A log that was put aside because bytes in it are damaged, and how far it must grow again: see CATALOG.md section 8. */
export interface DamagedLog {
  readonly name: LogName;
  readonly path: string;
  readonly expectedSeq: number;
}

/** The logs of a catalog, sorted by name, and those put aside. Other files are none of ours and left alone. */
export function listLogs(folder: string): { readonly logs: LogName[]; readonly damaged: DamagedLog[] } {
  const logs: LogName[] = [];
  const damaged: DamagedLog[] = [];
  const root = join(folder, 'logs');
  makeLogsFolder(root);
  for (const site of namesIn(root)) {
    if (!/^[0-9a-f]{32}$/.test(site)) continue;
    for (const file of namesIn(join(root, site))) {
      const match = /^([1-9]\d{0,9})-([0-9a-f]{32})\.log(?:\.damaged-(\d{1,15}))?$/.exec(file);
      if (match === null) continue;
      const name = { siteId: fromHex(site), incarnationId: fromHex(match[2] ?? ''), number: Number(match[1]) };
      if (match[3] === undefined) logs.push(name);
      else damaged.push({ name, path: join(root, site, file), expectedSeq: Number(match[3]) });
    }
  }
  return { logs, damaged };
}

/** It is durable with the first log in it. */
function makeLogsFolder(root: string): void {
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw logWriteFailed(root, error);
  }
}

function namesIn(folder: string): string[] {
  return readingState(folder, () => readdirSync(folder)).sort();
}

/**
 * Writes `frames` at `offset`, the end of the log, and resolves once they are on stable storage; a new log's name, too.
 * On failure what was written is cut off again and `catalog_write_failed` is thrown: a failed fsync is never retried.
 */
export async function appendFrames(path: string, offset: number, frames: readonly Uint8Array[]): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await openLog(path, offset === 0);
    const bytes = Buffer.concat(frames);
    for (let done = 0; done < bytes.length; ) {
      done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
    }
    await handle.datasync();
    if (offset === 0) {
      syncFolder(dirname(path));
      syncFolder(dirname(dirname(path)));
    }
  } catch (cause) {
    try {
      await handle?.truncate(offset);
    } catch (again) {
      throw logWriteFailed(path, new AggregateError([cause, again], 'it could not be cut back either'));
    }
    throw logWriteFailed(path, cause);
  } finally {
    await handle?.close();
  }
}

async function openLog(path: string, isNew: boolean): Promise<FileHandle> {
  if (isNew) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (!isNew || systemCode(error) !== 'ENOENT') throw error;
    return await open(path, 'wx+', 0o600);
  }
}

/**
 * Makes durable what a process that was killed had written to these logs and not synced: from now on it counts, and goes
 * to peers.
 */
export async function syncLogs(folder: string, names: readonly LogName[]): Promise<void> {
  const folders = new Set([folder, join(folder, 'logs')]);
  for (const name of names) {
    const path = logPath(folder, name);
    folders.add(dirname(path));
    await writingLog(path, async () => {
      await using handle = await open(path, 'r+');
      await handle.datasync();
    });
  }
  for (const one of folders) syncFolder(one);
}

/** Runs a change of a log; what the system refuses is told as `catalog_write_failed`. */
export async function writingLog<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw isAppError(error) ? error : logWriteFailed(path, error);
  }
}

/** Cuts a log to `bytes`, durably. */
export async function truncateLog(path: string, bytes: number): Promise<void> {
  await writingLog(path, async () => {
    await using handle = await open(path, 'r+');
    await handle.truncate(bytes);
    await handle.datasync();
  });
}

// Reads of this size keep a disk streaming; many logs may be open at once.
const blockBytes = 262_144;

/** The bytes of a log from `offset` to `end` or its own end, in blocks that are not reused. Throws `state_read_failed`. */
export async function* readBlocks(
  path: string,
  offset = 0,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array> {
  await using handle = await readingStateAsync(path, () => open(path, 'r'));
  for (let at = offset; at < end; ) {
    const length = Math.min(blockBytes, end - at);
    const { bytesRead, buffer } = await readingStateAsync(path, () =>
      handle.read(Buffer.allocUnsafe(length), 0, length, at),
    );
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/** An open log whose frames are read by place; places in the order of the file cost one read a block. */
export class LogReader {
  readonly #path: string;
  readonly #handle: FileHandle;
  #block: Uint8Array = new Uint8Array(0);
  #blockFrom = 0;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  static async open(path: string): Promise<LogReader> {
    return new LogReader(path, await readingStateAsync(path, () => open(path, 'r')));
  }

  /** The signed batch at `place`; throws `catalog_malformed` when the disk no longer has it as it was written. */
  async read(place: FramePlace): Promise<Uint8Array> {
    const signedBytes = await this.readIfGood(place);
    if (signedBytes !== undefined) return signedBytes;
    throw malformedCatalog(`a batch is damaged at byte ${place.offset} of ${this.#path}`);
  }

  /** The signed batch at `place`, or undefined when there is none. */
  async readIfGood(place: FramePlace): Promise<Uint8Array | undefined> {
    if (place.offset < this.#blockFrom || place.offset + place.length > this.#blockFrom + this.#block.length) {
      const length = Math.max(blockBytes, place.length);
      const { bytesRead, buffer } = await readingStateAsync(this.#path, () =>
        this.#handle.read(Buffer.allocUnsafe(length), 0, length, place.offset),
      );
      this.#block = buffer.subarray(0, bytesRead);
      this.#blockFrom = place.offset;
    }
    const from = place.offset - this.#blockFrom;
    return decodeFrame(this.#block.subarray(from, from + place.length));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
