import type { FileHandle } from 'node:fs/promises';
import { volumeError } from '../volume-errors.ts';
import type { GrowingFile } from '../volumes.ts';

/** A growing file of a folder: positional writes through one descriptor. */
export class FolderGrowingFile implements GrowingFile {
  readonly #handle: FileHandle;
  readonly #name: string;
  #length: number;
  #closed = false;

  constructor(handle: FileHandle, name: string, length: number) {
    this.#handle = handle;
    this.#name = name;
    this.#length = length;
  }

  get length(): number {
    return this.#length;
  }

  async append(parts: readonly Uint8Array[]): Promise<void> {
    try {
      for (let rest = parts.filter((part) => part.length > 0); rest.length > 0; ) {
        const { bytesWritten } = await this.#handle.writev(rest, this.#length);
        this.#length += bytesWritten;
        rest = behind(rest, bytesWritten);
      }
    } catch (error) {
      throw volumeError(`write ${this.#name}`, error);
    }
  }

  async datasync(): Promise<void> {
    try {
      await this.#handle.datasync();
    } catch (error) {
      throw volumeError(`sync ${this.#name}`, error);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#handle.close();
    } catch (error) {
      throw volumeError(`close ${this.#name}`, error);
    }
  }
}

/** What is left of `parts` when their first `count` bytes are written: a full disk takes a part only. */
function behind(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  const rest: Uint8Array[] = [];
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return rest;
}
