import { randomBytes } from 'node:crypto';
import {
  closeSync,
  cpSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '#runtime';

export interface TreeFacts {
  readonly files: number;
  /** Sizes of the regular files. */
  readonly bytes: number;
}

const repository = join(import.meta.dirname, '..', '..', '..');

/** Counts the regular files below `folder`, and their bytes. */
export function treeFacts(folder: string): TreeFacts {
  let [files, bytes] = [0, 0];
  for (const path of filesOf(folder)) {
    files += 1;
    bytes += lstatSync(path).size;
  }
  return { files, bytes };
}

/** What `folder` takes on its file system: holes are free, the last block of a file counts whole. */
export function diskBytes(folder: string): number {
  let bytes = 0;
  for (const path of filesOf(folder)) bytes += lstatSync(path).blocks * 512;
  return bytes;
}

/** Reads every file, so that what is measured next finds it in the page cache; files that we may not read are left out. */
export function warm(folder: string): void {
  const piece = Buffer.allocUnsafe(1_048_576);
  for (const path of filesOf(folder)) {
    try {
      const file = openSync(path, 'r');
      for (let left = fstatSync(file).size; left > 0; left -= piece.length)
        readSync(file, piece, 0, piece.length, null);
      closeSync(file);
    } catch (error) {
      if (systemCode(error) !== 'EACCES') throw error;
    }
  }
}

/** Copies some megabytes of this repository's own sources: a tree that is there wherever a bench is. */
export function copySources(to: string): void {
  for (const part of ['libs', 'apps/sitepair', 'proto'])
    cpSync(join(repository, part), join(to, part), { recursive: true });
}

/** `bytes` of this repository's own sources, one after the other, again from the start when there are no more. */
export function sourceText(bytes: number): Buffer {
  const once = Buffer.concat([...filesOf(join(repository, 'libs'))].map((path) => readFileSync(path)));
  return Buffer.alloc(bytes, once);
}

/** One file that neither shrinks nor repeats. */
export function writeRandomFile(path: string, bytes: number): void {
  const piece = 16_777_216;
  writeFileSync(path, '');
  for (let done = 0; done < bytes; done += piece) {
    writeFileSync(path, randomBytes(Math.min(piece, bytes - done)), { flag: 'a' });
  }
}

function* filesOf(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesOf(path);
    else if (entry.isFile()) yield path;
  }
}
