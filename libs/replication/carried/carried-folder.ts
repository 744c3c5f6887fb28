import { constants, type Dirent } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { assert, systemCode } from '#runtime';
import { carriedAltered, carriedFolderForeign, carriedForbidden } from './carried-errors.ts';

export const labelFile = 'carried.label';
export const manifestFile = 'carried.manifest';
export const journalFile = 'carried.journal';
export const packsFolder = 'packs';

export function catalogFile(edition: number): string {
  return `catalog-${String(edition).padStart(10, '0')}.batches`;
}

/** The path of a pack below `packs`, made of its number alone. */
export function carriedPackPath(number: number): string {
  return `${String(Math.floor(number / 1024)).padStart(6, '0')}/${String(number).padStart(10, '0')}.pack`;
}

/** What an importer reads: a folder that anybody may have had in his hands. */
export interface CarriedSource {
  /** What to call it in errors. */
  readonly name: string;
  /** Bytes of a regular file; undefined when there is none of this name. Throws `carried_altered`, `carried_forbidden`. */
  size(path: string): Promise<number | undefined>;
  /** `length` bytes from `offset`, or as many as there are. */
  read(path: string, offset: number, length: number): Promise<Uint8Array>;
}

// Never a link, a pipe that keeps its reader waiting, or a device that does something when it is opened.
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A mounted disk. Only the folder itself may be reached through a link: the admin named it. */
export class CarriedFolder implements CarriedSource {
  readonly name: string;

  constructor(folder: string) {
    this.name = folder;
  }

  size(path: string): Promise<number | undefined> {
    return this.#with(path, async (handle) => (await handle.stat()).size);
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const read = await this.#with(path, async (handle) => {
      // A file that says it is larger than it is costs no more memory than it has bytes.
      const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, (await handle.stat()).size - offset)));
      let done = 0;
      while (done < bytes.length) {
        const { bytesRead } = await handle.read(bytes, done, bytes.length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return new Uint8Array(bytes.buffer, 0, done);
    });
    return read ?? new Uint8Array(0);
  }

  async #with<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T | undefined> {
    assert(/^[\w.-]+(\/[\w.-]+){0,2}$/.test(path) && !path.includes('..'), `not a name on a carried disk: ${path}`);
    try {
      const parts = path.split('/');
      for (let i = 1; i < parts.length; i++) {
        const folder = await lstat(join(this.name, ...parts.slice(0, i)));
        if (!folder.isDirectory()) throw carriedAltered(`${parts.slice(0, i).join('/')} is no folder`);
      }
      const handle = await open(join(this.name, path), openFlags);
      try {
        if (!(await handle.stat()).isFile()) throw carriedAltered(`${path} is no file`);
        return await use(handle);
      } finally {
        await handle.close();
      }
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      if (code === 'EACCES' || code === 'EPERM') throw carriedForbidden(this.name, error);
      if (code === 'ELOOP' || code === 'ENXIO' || code === 'EISDIR') throw carriedAltered(`${path} is no file`, error);
      if (code !== undefined) throw carriedAltered(`${path} cannot be read (${code})`, error);
      throw error;
    }
  }
}

/** Names in a folder that is to be written to; none when it is missing. Throws `carried_forbidden`, `carried_folder_foreign`. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await entriesIn(folder)).map(({ name }) => name);
}

/**
 * Throws `carried_folder_foreign` for a folder in which no export may be begun or gone on with, before anything is made in
 * it: one that holds what no export has put there, or links and devices, which a writer would follow and which may have been
 * put there while the disk lay about.
 */
export async function checkCarriedFolder(folder: string): Promise<void> {
  const found = await entriesIn(folder);
  let strange = found.find((entry) => !entry.isFile() && !entry.isDirectory());
  for (const entry of found.filter((one) => one.isDirectory())) {
    const below = await readdir(join(folder, entry.name), { withFileTypes: true, recursive: true });
    strange ??= below.find((one) => !one.isFile() && !one.isDirectory());
  }
  if (strange !== undefined) throw carriedFolderForeign(folder, `"${strange.name}" is neither a file nor a folder`);
  if (found.some(({ name }) => name === labelFile)) return;
  // Before the label nothing but its own half-written file and an empty `packs` is ever there.
  const foreign = found.find(({ name }) => name !== packsFolder && name !== `${labelFile}.new`);
  if (foreign !== undefined)
    throw carriedFolderForeign(folder, `it holds "${foreign.name}", and no export was begun in it`);
}

async function entriesIn(folder: string): Promise<Dirent[]> {
  try {
    // A new file system has this one from the start, for root alone.
    return (await readdir(folder, { withFileTypes: true })).filter(({ name }) => name !== 'lost+found');
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return [];
    if (code === 'EACCES' || code === 'EPERM') throw carriedForbidden(folder, error);
    if (code === 'ENOTDIR') throw carriedFolderForeign(folder, 'it is no folder');
    throw error;
  }
}
