// Stands in for node:fs where code of a site asks for it: paths below the mount point lie on the simulated disk of the
// machine that is running, all others on the real one.
import * as real from 'node:fs';
import { SimulatedFile, SimulatedFolder } from './disk.ts';
import { beforeOperation, runningMachine } from './machine.ts';
import { failure, isSimulated, locate, OpenFile, openFileOf, removeTree, syncFolderNow } from './open-file.ts';

export const constants = real.constants;

const bootIdPath = '/proc/sys/kernel/random/boot_id';

export function openSync(path: string, flags: string, mode?: number): number {
  if (!isSimulated(path)) return real.openSync(path, flags, mode);
  return OpenFile.open(path, flags).fd;
}

export function closeSync(fd: number): void {
  const file = openFileOf(fd);
  if (file === undefined) real.closeSync(fd);
  else file.forget();
}

export function fsyncSync(fd: number): void {
  const file = openFileOf(fd);
  if (file === undefined) real.fsyncSync(fd);
  else file.syncNow();
}

export function writeSync(
  fd: number,
  bytes: Uint8Array,
  offset = 0,
  length?: number | null,
  position?: number | null,
): number {
  const file = openFileOf(fd);
  if (file === undefined) return real.writeSync(fd, bytes, offset, length, position);
  return file.write(bytes.subarray(offset, length == null ? undefined : offset + length), position ?? undefined);
}

export function readSync(fd: number, bytes: Uint8Array): number {
  const file = openFileOf(fd);
  return file === undefined ? real.readSync(fd, bytes) : file.read(bytes, undefined);
}

export function readFileSync(path: string | URL, encoding?: 'utf8'): Buffer | string {
  if (path === bootIdPath) return `${runningMachine().bootId}\n`;
  if (!isSimulated(path)) return real.readFileSync(path, { encoding: encoding ?? null });
  const file = locate(path, 'open').node;
  if (!(file instanceof SimulatedFile)) throw failure(file === undefined ? 'ENOENT' : 'EISDIR', 'open', path);
  const content = Buffer.from(file.content());
  return encoding === undefined ? content : content.toString(encoding);
}

export function writeFileSync(path: string, content: string | Uint8Array): void {
  if (!isSimulated(path)) {
    real.writeFileSync(path, content);
    return;
  }
  const file = OpenFile.open(path, 'w');
  file.write(Buffer.from(content), 0);
  file.forget();
}

export function existsSync(path: string): boolean {
  return isSimulated(path) ? locate(path, 'access').node !== undefined : real.existsSync(path);
}

interface FileFacts {
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  isDirectory(): boolean;
}

export function statSync(path: string): FileFacts {
  if (!isSimulated(path)) return real.statSync(path);
  const { node } = locate(path, 'stat');
  if (node === undefined) throw failure('ENOENT', 'stat', path);
  const isDirectory = () => node instanceof SimulatedFolder;
  return { size: node instanceof SimulatedFile ? node.length : 4096, uid: 0, gid: 0, isDirectory };
}

export function readdirSync(path: string): string[] {
  if (!isSimulated(path)) return real.readdirSync(path);
  const { node } = locate(path, 'scandir');
  if (!(node instanceof SimulatedFolder)) throw failure('ENOENT', 'scandir', path);
  return [...node.entries.keys()];
}

export function mkdirSync(
  path: string,
  options: { readonly recursive?: boolean; readonly mode?: number } = {},
): string | undefined {
  if (!isSimulated(path)) return real.mkdirSync(path, options);
  const { node, parent, name } = locate(path, 'mkdir');
  if (node !== undefined) {
    if (options.recursive && node instanceof SimulatedFolder) return undefined;
    throw failure('EEXIST', 'mkdir', path);
  }
  let made: string | undefined;
  if (parent === undefined) {
    if (!options.recursive) throw failure('ENOENT', 'mkdir', path);
    made = mkdirSync(path.slice(0, path.lastIndexOf('/')), options);
  }
  beforeOperation(runningMachine(), `mkdir ${path}`);
  if (runningMachine().disk.faults.full) throw failure('ENOSPC', 'mkdir', path);
  locate(path, 'mkdir').parent?.set(name, new SimulatedFolder());
  return made ?? path;
}

export function renameSync(from: string, to: string): void {
  if (!isSimulated(from)) {
    real.renameSync(from, to);
    return;
  }
  const [source, target] = [locate(from, 'rename'), locate(to, 'rename')];
  if (source.node === undefined || target.parent === undefined) throw failure('ENOENT', 'rename', from);
  beforeOperation(runningMachine(), `rename ${from}`);
  if (source.parent === target.parent) source.parent?.rename(source.name, target.name);
  else throw new Error('bug: the simulated disk moves names within one folder only');
}

export function linkSync(from: string, to: string): void {
  if (!isSimulated(from)) {
    real.linkSync(from, to);
    return;
  }
  const [source, target] = [locate(from, 'link'), locate(to, 'link')];
  if (source.node === undefined || target.parent === undefined) throw failure('ENOENT', 'link', from);
  if (target.node !== undefined) throw failure('EEXIST', 'link', to);
  beforeOperation(runningMachine(), `link ${from}`);
  target.parent.set(target.name, source.node);
}

export function unlinkSync(path: string): void {
  if (!isSimulated(path)) {
    real.unlinkSync(path);
    return;
  }
  const { node, parent, name } = locate(path, 'unlink');
  if (!(node instanceof SimulatedFile)) throw failure('ENOENT', 'unlink', path);
  beforeOperation(runningMachine(), `unlink ${path}`);
  parent?.set(name, undefined);
}

export function rmSync(path: string, options: { readonly recursive?: boolean; readonly force?: boolean } = {}): void {
  if (!isSimulated(path)) {
    real.rmSync(path, options);
    return;
  }
  removeTree(path, options);
}

export function chmodSync(path: string, mode: number): void {
  if (!isSimulated(path)) real.chmodSync(path, mode);
}

/** For tests of the simulator: makes the names in a folder durable. */
export function syncFolderSync(path: string): void {
  syncFolderNow(path);
}
