import { readSync } from 'node:fs';
import {
  closeFd,
  currentFolder,
  type FileStatus,
  fstatFd,
  isPosixError,
  openAt,
  openFlag,
  readlinkAt,
  readXattrs,
  statAt,
  type XattrPlace,
} from '#posix';
import { type Folder, OpenFolders } from './open-folders.ts';
import { joinPath } from './path-text.ts';
import { folderNames } from './take/folder-names.ts';

export interface TreeComparison {
  /** One line a difference, `PATH: what`; at most `differencesMax` of them. Empty: the trees are equal. */
  readonly differences: string[];
  readonly entries: number;
  readonly bytes: number;
}

const differencesMax = 200;
const blockBytes = 1_048_576;
const itself = Buffer.from('.');
const flags = openFlag.read | openFlag.directory;

/**
 * Compares two folders of a file system: every byte, and of every entry kind, mode, owner, modification time to the
 * nanosecond, extended attributes, link target, device number, and which names are one file. Not: where holes are, access
 * and change times, inode numbers, and sockets that only one has (no backup restores them). Paths of any length. Throws PosixError for what cannot be read.
 */
export async function compareTrees(a: Uint8Array, b: Uint8Array): Promise<TreeComparison> {
  const comparison = new Comparison();
  await comparison.roots(a, b);
  return comparison;
}

interface Place {
  readonly folder: Folder;
  readonly name: Uint8Array;
}

class Comparison implements TreeComparison {
  readonly differences: string[] = [];
  entries = 0;
  bytes = 0;
  readonly #folders = [newFolders(), newFolders()] as const;
  /** Inode of one side -> inode of the other, both ways: which names are one file must agree. */
  readonly #twins = [new Map<string, string>(), new Map<string, string>()] as const;
  readonly #blocks = [Buffer.allocUnsafe(blockBytes), Buffer.allocUnsafe(blockBytes)] as const;

  async roots(a: Uint8Array, b: Uint8Array): Promise<void> {
    const folderA = this.#folders[0].root(openAt(currentFolder, a, flags, 0, { follow: true }));
    const folderB = this.#folders[1].root(openAt(currentFolder, b, flags, 0, { follow: true }));
    try {
      this.#metadata({ folder: folderA, name: itself }, { folder: folderB, name: itself }, '.');
      await this.#folder(folderA, folderB, '');
    } finally {
      this.#folders[0].closeAll();
      this.#folders[1].closeAll();
      this.#folders[0].close(folderA);
      this.#folders[1].close(folderB);
    }
  }

  async #folder(a: Folder, b: Folder, path: string): Promise<void> {
    // Unwinds the stack, whatever the depth, and lets the process do other things.
    await new Promise<void>((resolve) => setImmediate(resolve));
    const namesA = folderNames(this.#folders[0].descriptor(a));
    const namesB = new Set(folderNames(this.#folders[1].descriptor(b)));
    for (const name of namesA) {
      const at = joinPath(path, name);
      if (namesB.delete(name)) await this.#entry(a, b, name, at);
      else this.#onlyIn(0, a, name, at);
    }
    for (const name of namesB) this.#onlyIn(1, b, name, joinPath(path, name));
  }

  #onlyIn(side: 0 | 1, folder: Folder, text: string, path: string): void {
    const { kind } = statAt(this.#folders[side].descriptor(folder), Buffer.from(text, 'latin1'));
    if (kind !== 'socket') this.#differ(path, `${kind} only in the ${side === 0 ? 'first' : 'second'}`);
  }

  async #entry(a: Folder, b: Folder, text: string, path: string): Promise<void> {
    const name = Buffer.from(text, 'latin1');
    const kind = this.#metadata({ folder: a, name }, { folder: b, name }, path);
    if (kind === 'file') this.#content(a, b, name, path);
    if (kind !== 'directory') return;
    const belowA = this.#folders[0].open(a, name);
    const belowB = this.#folders[1].open(b, name);
    await this.#folder(belowA, belowB, path);
    this.#folders[0].close(belowA);
    this.#folders[1].close(belowB);
  }

  /** The common kind, undefined when the kinds differ. */
  #metadata(a: Place, b: Place, path: string): FileStatus['kind'] | undefined {
    this.entries += 1;
    const fdA = this.#folders[0].descriptor(a.folder);
    const fdB = this.#folders[1].descriptor(b.folder);
    const statusA = statAt(fdA, a.name);
    const statusB = statAt(fdB, b.name);
    this.#compare(path, 'kind', statusA.kind, statusB.kind);
    if (statusA.kind !== statusB.kind) return undefined;
    const { kind } = statusA;
    this.#compare(path, 'mode', statusA.mode.toString(8), statusB.mode.toString(8));
    this.#compare(path, 'owner', `${statusA.uid}:${statusA.gid}`, `${statusB.uid}:${statusB.gid}`);
    this.#compare(path, 'time', shownTime(statusA), shownTime(statusB));
    this.#compare(
      path,
      'attributes',
      shownXattrs({ dirFd: fdA, name: a.name }),
      shownXattrs({ dirFd: fdB, name: b.name }),
    );
    if (kind === 'file') this.#compare(path, 'size', `${statusA.size}`, `${statusB.size}`);
    if (kind === 'symlink') this.#compare(path, 'target', shownLink(fdA, a.name), shownLink(fdB, b.name));
    if (kind === 'char' || kind === 'block') this.#compare(path, 'device', shownDevice(statusA), shownDevice(statusB));
    if (kind !== 'directory') this.#compareLinks(path, statusA, statusB);
    return kind;
  }

  #compareLinks(path: string, a: FileStatus, b: FileStatus): void {
    if (a.links < 2 && b.links < 2) return;
    const keyA = `${a.device}:${a.inode}`;
    const keyB = `${b.device}:${b.inode}`;
    const known = this.#twins[0].get(keyA) ?? keyB;
    const knownBack = this.#twins[1].get(keyB) ?? keyA;
    if (known !== keyB || knownBack !== keyA) this.#differ(path, 'is another name of another file');
    this.#twins[0].set(keyA, known);
    this.#twins[1].set(keyB, knownBack);
  }

  #content(a: Folder, b: Folder, name: Uint8Array, path: string): void {
    const fdA = openAt(this.#folders[0].descriptor(a), name, openFlag.read);
    try {
      const fdB = openAt(this.#folders[1].descriptor(b), name, openFlag.read);
      try {
        this.#compareOpen(fdA, fdB, path);
      } finally {
        closeFd(fdB);
      }
    } finally {
      closeFd(fdA);
    }
  }

  #compareOpen(fdA: number, fdB: number, path: string): void {
    const { size } = fstatFd(fdA);
    const [blockA, blockB] = this.#blocks;
    for (let at = 0; at < size; at += blockBytes) {
      const lengthA = readSync(fdA, blockA, 0, blockBytes, at);
      const lengthB = readSync(fdB, blockB, 0, blockBytes, at);
      if (!blockA.subarray(0, lengthA).equals(blockB.subarray(0, lengthB))) {
        this.#differ(path, `content, between byte ${at} and ${at + blockBytes}`);
        return;
      }
      this.bytes += lengthA;
    }
  }

  #compare(path: string, what: string, a: string, b: string): void {
    if (a !== b) this.#differ(path, `${what} ${a} and ${b}`);
  }

  #differ(path: string, what: string): void {
    // JSON quoting keeps names with control characters from reaching a terminal.
    const shown = JSON.stringify(Buffer.from(path, 'latin1').toString()).slice(1, -1);
    if (this.differences.length < differencesMax) this.differences.push(`${shown}: ${what}`);
  }
}

function newFolders(): OpenFolders {
  return new OpenFolders((parentFd, name) => openAt(parentFd, name, flags));
}

function shownTime({ mtimeS, mtimeNs }: FileStatus): string {
  return `${mtimeS}+${mtimeNs}ns`;
}

function shownDevice({ rdevMajor, rdevMinor }: FileStatus): string {
  return `${rdevMajor}:${rdevMinor}`;
}

function shownLink(dirFd: number, name: Uint8Array): string {
  return JSON.stringify(Buffer.from(readlinkAt(dirFd, name)).toString('latin1'));
}

function shownXattrs(place: XattrPlace): string {
  try {
    const shown = readXattrs(place).map(
      ({ name, value }) => `${Buffer.from(name)}=${Buffer.from(value).toString('hex')}`,
    );
    return `[${shown.sort().join(' ')}]`;
  } catch (error) {
    // A file of our own without the right to read keeps its attributes to itself.
    if (isPosixError(error, 'EACCES')) return `[${error.code}]`;
    throw error;
  }
}
