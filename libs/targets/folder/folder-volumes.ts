import { type FileHandle, lstat, mkdir, open, readdir, readFile, rename, statfs, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { assert, isAppError, makeFolderDurably, systemCode } from '#runtime';
import { volumeError } from '../volume-errors.ts';
import type { GrowingFile, VolumeFile, Volumes } from '../volumes.ts';
import { DescriptorCache } from './descriptor-cache.ts';
import { FolderGrowingFile } from './folder-growing-file.ts';

/** Far below the usual limit of 1024 descriptors a process, enough for a restore that hops between packs. */
const openFilesMax = 128;
const rewriteBytes = 4 * 1024 * 1024;

/** Volumes in one folder of a file system. Everything is readable for its owner only. */
export class FolderVolumes implements Volumes {
  readonly #folder: string;
  readonly #readers = new DescriptorCache(openFilesMax);
  /** Subfolders whose names are on stable storage: one that is there may be of a process that was killed before it synced. */
  readonly #durable = new Set<string>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens the folder, which is made when it is missing. */
  static async open(folder: string): Promise<FolderVolumes> {
    await calling(`make the folder ${folder}`, async () => {
      makeFolderDurably(folder);
    });
    return new FolderVolumes(folder);
  }

  async list(): Promise<VolumeFile[]> {
    return calling(`list ${this.#folder}`, async () => {
      const files: VolumeFile[] = [];
      for (const entry of await readdir(this.#folder, { withFileTypes: true })) {
        if (!entry.isDirectory()) files.push(await this.#file(entry.name));
        else {
          const names = await readdir(join(this.#folder, entry.name));
          files.push(...(await Promise.all(names.map((name) => this.#file(`${entry.name}/${name}`)))));
        }
      }
      return files;
    });
  }

  async create(name: string): Promise<GrowingFile> {
    const path = this.#path(name);
    return calling(`create ${name}`, async () => {
      const folder = dirname(path);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if (!this.#durable.has(folder)) {
        await syncFolderAsync(this.#folder);
        this.#durable.add(folder);
      }
      const handle = await open(path, 'wx', 0o600);
      await orClose(handle, () => syncFolderAsync(folder));
      return new FolderGrowingFile(handle, name, 0);
    });
  }

  async reopen(name: string, keepBytes: number): Promise<GrowingFile> {
    const path = this.#path(name);
    return calling(`reopen ${name}`, async () => {
      const handle = await open(path, 'r+');
      await orClose(handle, async () => {
        await handle.truncate(keepBytes);
        // A sync that failed may have left pages that read well, are called clean and lie nowhere: only bytes written
        // anew are written back by the next sync.
        await rewriteInPlace(handle, keepBytes);
        await handle.sync();
      });
      return new FolderGrowingFile(handle, name, keepBytes);
    });
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, target] = [this.#path(from), this.#path(to)];
    await calling(`rename ${from} to ${to}`, async () => {
      await rename(source, target);
      // Not carried over to the new name: an open of the old one that is under way would fail under both.
      await this.#readers.forget(source);
      await syncFolderAsync(dirname(target));
    });
  }

  async remove(name: string): Promise<void> {
    const path = this.#path(name);
    await calling(`remove ${name}`, async () => {
      await unlink(path);
      await this.#readers.forget(path);
      await syncFolderAsync(dirname(path));
    });
  }

  async readAt(name: string, offset: number, length: number): Promise<Uint8Array> {
    return calling(`read ${name}`, () =>
      this.#readers.use(this.#path(name), async (handle) => {
        const bytes = Buffer.allocUnsafeSlow(length);
        let done = 0;
        while (done < length) {
          const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
          if (bytesRead === 0) break;
          done += bytesRead;
        }
        return new Uint8Array(bytes.buffer, 0, done);
      }),
    );
  }

  async readSmall(name: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#path(name));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw volumeError(`read ${name}`, error);
    }
  }

  async writeSmall(name: string, content: Uint8Array): Promise<void> {
    const path = this.#path(name);
    const temporary = `${path}.new`;
    await calling(`write ${name}`, async () => {
      const handle = await open(temporary, 'w', 0o600);
      await orClose(handle, async () => {
        await handle.writeFile(content);
        await handle.sync();
      });
      await handle.close();
      await rename(temporary, path);
      await syncFolderAsync(dirname(path));
    });
  }

  async freeBytes(): Promise<number> {
    return calling('ask for free space', async () => {
      const { bavail, bsize } = await statfs(this.#folder);
      return bavail * bsize;
    });
  }

  async close(): Promise<void> {
    await this.#readers.close();
  }

  async #file(name: string): Promise<VolumeFile> {
    return { name, bytes: (await lstat(join(this.#folder, name))).size };
  }

  #path(name: string): string {
    assert(/^[\w.-]+(\/[\w.-]+)?$/.test(name) && !name.includes('..'), `not a name within volumes: ${name}`);
    return join(this.#folder, name);
  }
}

async function calling<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw volumeError(what, isAppError(error, 'state_write_failed') ? error.cause : error);
  }
}

/** Closes `handle` when `work` fails, and only then. */
async function orClose(handle: FileHandle, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function syncFolderAsync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function rewriteInPlace(handle: FileHandle, length: number): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(length, rewriteBytes));
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, length - at), at);
    assert(bytesRead > 0, 'a file that was cut is shorter than it was cut to');
    for (let done = 0; done < bytesRead; ) {
      done += (await handle.write(buffer, done, bytesRead - done, at + done)).bytesWritten;
    }
    at += bytesRead;
  }
}
