import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeFd, currentFolder, openAt, openFlag, readDirectory, rmdirAt, unlinkAt } from './index.ts';

/** A new folder for one test, open as `fd`; disposing of it removes it whatever names and depths are in it. */
export class TestFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'posix-'));
  readonly fd: number = openAt(currentFolder, bytes(this.path), openFlag.read | openFlag.directory);

  [Symbol.dispose](): void {
    removeContent(this.fd);
    closeFd(this.fd);
    rmdirSync(this.path);
  }
}

/** A text as name bytes; of 'latin1' when it is to be no valid UTF-8. */
export function bytes(text: string, encoding: BufferEncoding = 'utf8'): Uint8Array {
  return new Uint8Array(Buffer.from(text, encoding));
}

/** Makes a file with a content and returns its descriptor. */
export function createFile(dirFd: number, name: Uint8Array): number {
  return openAt(dirFd, name, openFlag.readWrite | openFlag.create | openFlag.exclusive, 0o644);
}

function removeContent(dirFd: number): void {
  for (const { name, type } of readDirectory(dirFd)) {
    if (type !== 'directory') {
      unlinkAt(dirFd, name);
      continue;
    }
    const inner = openAt(dirFd, name, openFlag.read | openFlag.directory);
    removeContent(inner);
    closeFd(inner);
    rmdirAt(dirFd, name);
  }
}
