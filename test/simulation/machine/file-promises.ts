// Stands in for node:fs/promises where code of a site asks for it.
import * as real from 'node:fs/promises';
import { SimulatedFile, SimulatedFolder } from './disk.ts';
import * as files from './file-system.ts';
import { asynchronously, failure, isSimulated, locate, OpenFile } from './open-file.ts';

/** What libs/ use of a FileHandle. */
class SimulatedHandle {
  readonly #file: OpenFile;
  #closed = false;

  constructor(file: OpenFile) {
    this.#file = file;
  }

  get fd(): number {
    return this.#closed ? -1 : this.#file.fd;
  }

  read(buffer: Buffer, offset: number, length: number, position: number) {
    return asynchronously(() => {
      const bytesRead = this.#file.read(buffer.subarray(offset, offset + length), position);
      return { bytesRead, buffer };
    });
  }

  write(buffer: Buffer, offset: number, length: number, position: number) {
    return asynchronously(() => ({
      bytesWritten: this.#file.write(buffer.subarray(offset, offset + length), position),
      buffer,
    }));
  }

  writev(parts: readonly Uint8Array[], position: number) {
    return asynchronously(() => ({ bytesWritten: this.#file.write(Buffer.concat(parts), position), buffers: parts }));
  }

  writeFile(content: string | Uint8Array): Promise<void> {
    return asynchronously(() => {
      this.#file.write(typeof content === 'string' ? Buffer.from(content) : content, undefined);
    });
  }

  truncate(length: number): Promise<void> {
    return asynchronously(() => this.#file.truncate(length));
  }

  sync(): Promise<void> {
    return asynchronously(() => this.#file.sync());
  }

  datasync(): Promise<void> {
    return asynchronously(() => this.#file.sync());
  }

  close(): Promise<void> {
    return asynchronously(() => {
      this.#closed = true;
      this.#file.forget();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export type FileHandle = SimulatedHandle;

export function open(path: string, flags: string, mode?: number): Promise<SimulatedHandle | real.FileHandle> {
  if (!isSimulated(path)) return real.open(path, flags, mode);
  return asynchronously(() => new SimulatedHandle(OpenFile.open(path, flags)));
}

export function readFile(path: string | URL, encoding?: 'utf8'): Promise<Buffer | string> {
  if (!isSimulated(path)) return real.readFile(path, { encoding: encoding ?? null });
  return asynchronously(() => files.readFileSync(path, encoding));
}

export function writeFile(path: string, content: string | Uint8Array): Promise<void> {
  return asynchronously(() => files.writeFileSync(path, content));
}

export function readdir(path: string, options?: { readonly withFileTypes: true }): Promise<unknown[]> {
  return asynchronously(() => {
    const names = files.readdirSync(path);
    if (options === undefined) return names;
    const { node } = locate(path, 'scandir');
    const folder = node instanceof SimulatedFolder ? node : undefined;
    return names.map((name) => ({ name, isDirectory: () => folder?.entries.get(name) instanceof SimulatedFolder }));
  });
}

export function lstat(path: string): Promise<{ readonly size: number }> {
  return asynchronously(() => files.statSync(path));
}

export function mkdir(path: string, options?: { readonly recursive?: boolean; readonly mode?: number }) {
  return asynchronously(() => files.mkdirSync(path, options));
}

export function rename(from: string, to: string): Promise<void> {
  return asynchronously(() => files.renameSync(from, to));
}

export function unlink(path: string): Promise<void> {
  return asynchronously(() => files.unlinkSync(path));
}

export function rm(path: string, options?: { readonly recursive?: boolean; readonly force?: boolean }): Promise<void> {
  return asynchronously(() => files.rmSync(path, options));
}

export function statfs(path: string): Promise<{ readonly bavail: number; readonly bsize: number }> {
  return asynchronously(() => {
    if (locate(path, 'statfs').node instanceof SimulatedFile) throw failure('ENOTDIR', 'statfs', path);
    return { bavail: 2 ** 30, bsize: 4096 };
  });
}
