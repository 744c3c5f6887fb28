import { AppError } from '#runtime';
import type { GrowingFile, VolumeFile, Volumes } from '#targets';

function gone(name: string): AppError {
  return new AppError(`${name} is gone`, { code: 'volume_gone', advice: 'Look whether the disk is mounted.' });
}

/** Volumes in memory, so that a store opens in a millisecond: the disk is not what is attacked. */
export class MemoryVolumes implements Volumes {
  readonly files: Map<string, Uint8Array>;

  constructor(files: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.files = new Map(files);
  }

  async list(): Promise<VolumeFile[]> {
    return [...this.files].map(([name, { length }]) => ({ name, bytes: length }));
  }

  async create(name: string): Promise<GrowingFile> {
    return this.reopen(name, 0);
  }

  async reopen(name: string, keepBytes: number): Promise<GrowingFile> {
    const { files } = this;
    files.set(name, (files.get(name) ?? new Uint8Array(0)).slice(0, keepBytes));
    // A growing file may be renamed before it is closed: it is written back under the name that it was made with.
    return {
      get length() {
        return files.get(name)?.length ?? 0;
      },
      async append(parts) {
        files.set(name, new Uint8Array(Buffer.concat([files.get(name) ?? new Uint8Array(0), ...parts])));
      },
      datasync: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.files.set(to, this.#whole(from));
    this.files.delete(from);
  }

  async remove(name: string): Promise<void> {
    this.files.delete(name);
  }

  async readAt(name: string, offset: number, length: number): Promise<Uint8Array> {
    return this.#whole(name).slice(offset, offset + length);
  }

  async readSmall(name: string): Promise<Uint8Array | undefined> {
    return this.files.get(name);
  }

  async writeSmall(name: string, content: Uint8Array): Promise<void> {
    this.files.set(name, content);
  }

  async freeBytes(): Promise<number> {
    return 1e12;
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  #whole(name: string): Uint8Array {
    const bytes = this.files.get(name);
    if (bytes === undefined) throw gone(name);
    return bytes;
  }
}
