import { SimulatedFile, SimulatedFolder } from './disk.ts';
import { beforeOperation, currentMachine, type Machine, MachineKilled, mountPoint, runningMachine } from './machine.ts';

/** Far above the descriptors that a real system gives. */
const firstFd = 1_000_000_000;

const open = new Map<number, OpenFile>();
let nextFd = firstFd;

export function isSimulated(path: string | URL): path is string {
  return typeof path === 'string' && path.startsWith(mountPoint);
}

export function failure(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path });
}

/** Where a path leads on the disk of the running machine. */
export function locate(path: string, what: string) {
  const machine = runningMachine();
  if (!machine.alive) throw new MachineKilled(`${what} ${path}`);
  const inside = path.slice(mountPoint.length).replace(/\/+$/, '');
  const slash = inside.lastIndexOf('/');
  const parent = slash < 0 ? undefined : machine.disk.find(inside.slice(0, slash));
  return {
    node: machine.disk.find(inside),
    parent: parent instanceof SimulatedFolder ? parent : undefined,
    name: inside.slice(slash + 1),
  };
}

/** Takes a file, or a folder with all that is in it, out of its folder. */
export function removeTree(path: string, options: { readonly recursive?: boolean; readonly force?: boolean }): void {
  const { node, parent, name } = locate(path, 'rm');
  if (node === undefined) {
    if (options.force) return;
    throw failure('ENOENT', 'rm', path);
  }
  if (node instanceof SimulatedFolder && !options.recursive) throw failure('EISDIR', 'rm', path);
  beforeOperation(runningMachine(), `rm ${path}`);
  parent?.set(name, undefined);
}

/** Makes the names in a folder durable. */
export function syncFolderNow(path: string): void {
  const file = OpenFile.open(path, 'r');
  file.syncNow();
  file.forget();
}

/** An open file or folder of the machine that opened it. */
export class OpenFile {
  readonly fd: number;
  readonly #machine: Machine;
  readonly #path: string;
  readonly #node: SimulatedFile | SimulatedFolder;
  readonly #appends: boolean;
  #position = 0;

  private constructor(path: string, node: SimulatedFile | SimulatedFolder, appends: boolean) {
    this.fd = nextFd++;
    this.#machine = runningMachine();
    this.#path = path;
    this.#node = node;
    this.#appends = appends;
    open.set(this.fd, this);
  }

  /** Flags as node:fs has them: r, r+, w, wx, wx+, a. */
  static open(path: string, flags: string): OpenFile {
    const machine = runningMachine();
    const { node, parent, name } = locate(path, 'open');
    if (node !== undefined && flags.includes('x')) throw failure('EEXIST', 'open', path);
    if (node === undefined && flags.startsWith('r')) throw failure('ENOENT', 'open', path);
    let file = node;
    if (file === undefined) {
      if (parent === undefined) throw failure('ENOENT', 'open', path);
      beforeOperation(machine, `create ${path}`);
      if (machine.disk.faults.full) throw failure('ENOSPC', 'open', path);
      file = new SimulatedFile();
      parent.set(name, file);
    } else if (flags.startsWith('w') && file instanceof SimulatedFile && file.length > 0) {
      beforeOperation(machine, `empty ${path}`);
      file.truncate(0);
    }
    return new OpenFile(path, file, flags.startsWith('a'));
  }

  /** Writes at `position`, or where the last write or read ended; how many bytes. */
  write(bytes: Uint8Array, position: number | undefined): number {
    this.#alive(`write ${this.#path}`);
    const file = this.#file();
    if (this.#machine.disk.faults.full) throw failure('ENOSPC', 'write', this.#path);
    const at = position ?? (this.#appends ? file.length : this.#position);
    beforeOperation(this.#machine, `write ${bytes.length} bytes at ${at} of ${this.#path}`);
    file.write(at, bytes);
    if (position === undefined) this.#position = at + bytes.length;
    return bytes.length;
  }

  read(into: Uint8Array, position: number | undefined): number {
    this.#alive(`read ${this.#path}`);
    const at = position ?? this.#position;
    const found = this.#file()
      .content()
      .subarray(at, at + into.length);
    into.set(found);
    if (position === undefined) this.#position = at + found.length;
    return found.length;
  }

  content(): Buffer {
    return this.#file().content();
  }

  truncate(length: number): void {
    beforeOperation(this.#machine, `truncate ${this.#path} to ${length}`);
    this.#file().truncate(length);
  }

  /** Everything that was changed until now is on stable storage when it returns. */
  syncNow(): void {
    beforeOperation(this.#machine, `sync ${this.#path}`);
    this.#failIfAsked();
    if (this.#node instanceof SimulatedFolder) this.#node.changes = [];
    else this.#node.synced();
  }

  /** The same, as a disk does it: it takes its time, and covers what was changed before the call. */
  sync(): Promise<void> {
    beforeOperation(this.#machine, `sync ${this.#path}`);
    this.#failIfAsked();
    const [node, folderChanges] = [this.#node, this.#node instanceof SimulatedFolder ? this.#node.changes.length : 0];
    const covered = node instanceof SimulatedFile ? [...node.changes] : [];
    return new Promise((resolve) => {
      // Faster than any real disk at times, slower at others.
      const delayMs = 0.1 + this.#machine.random.fraction() ** 3 * 30;
      this.#machine.after(delayMs, `${this.#path} is synced`, () => {
        if (node instanceof SimulatedFolder) node.changes.splice(0, folderChanges);
        else node.synced(covered);
        resolve();
      });
    });
  }

  get path(): string {
    return this.#path;
  }

  forget(): void {
    open.delete(this.fd);
  }

  #failIfAsked(): void {
    const { faults } = this.#machine.disk;
    if (faults.failingSyncs <= 0) return;
    faults.failingSyncs -= 1;
    if (this.#node instanceof SimulatedFile) this.#node.syncFailed();
    throw failure('EIO', 'fsync', this.#path);
  }

  #file(): SimulatedFile {
    if (this.#node instanceof SimulatedFile) return this.#node;
    throw failure('EISDIR', 'read', this.#path);
  }

  #alive(what: string): void {
    if (!this.#machine.alive) throw new MachineKilled(what);
  }
}

/** Between two simulations: what killed machines had open is gone with them. */
export function forgetOpenFiles(): void {
  open.clear();
}

export function openFileOf(fd: number): OpenFile | undefined {
  return fd >= firstFd ? open.get(fd) : undefined;
}

/** Runs an operation as a promise; for a dead machine it never settles, so that nothing goes on after it. */
export function asynchronously<T>(work: () => T | Promise<T>): Promise<T> {
  const machine = currentMachine();
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => {
      if (machine === undefined || machine.alive) then();
    };
    try {
      Promise.resolve(work()).then(
        (value) => settle(() => resolve(value)),
        (error) => settle(() => reject(error)),
      );
    } catch (error) {
      settle(() => reject(error));
    }
  });
}
