import { type Entry, EntryState } from '#model';
import { type FileStatus, fstatFd, isPosixError, openAt, openFlag, readlinkAt, statAt } from '#posix';
import { type Folder, type OpenChild, OpenFolders } from '../open-folders.ts';
import { bytesOf, joinPath } from '../path-text.ts';
import { DirectoryWriter } from '../tree/directory-writer.ts';
import { entryOfStatus } from '../tree/entry-fields.ts';
import { treeLimits } from '../tree/tree-limits.ts';
import { entryXattrs } from './entry-xattrs.ts';
import { ExcludeRules } from './exclude-rules.ts';
import type { FileEntries } from './file-entries.ts';
import { folderNames, folderNamesWithoutCaches } from './folder-names.ts';
import { OwnerNames } from './owner-names.ts';
import type { PreviousFolder } from './previous-folder.ts';
import type { PreviousTree } from './previous-tree.ts';
import type { SnapshotRun } from './snapshot-run.ts';
import type { TopPath } from './top-paths.ts';

export interface WalkOptions {
  readonly excludes: readonly string[];
  readonly oneFileSystem: boolean;
  readonly excludeCaches: boolean;
}

/** What holds below one of the paths asked for. */
interface Scope {
  readonly rules: ExcludeRules;
  readonly device: number;
  /** Length of its path with the slash: what is cut off before a pattern is tried. */
  readonly prefix: number;
}

/** A folder being walked. Without a scope it is only in between: of it, no more than `wanted` is taken. */
interface Place {
  readonly folder: Folder;
  readonly path: string;
  readonly wanted: TopPath | undefined;
  readonly scope: Scope | undefined;
  readonly previous: PreviousFolder | undefined;
}

const folderFlags = openFlag.read | openFlag.directory;
const openFolder: OpenChild = (parentFd, name) => openAt(parentFd, name, folderFlags);
/** For folders in between, which may be reached through a link: the caller named the path so. */
const openThroughLinks: OpenChild = (parentFd, name) => openAt(parentFd, name, folderFlags, 0, { follow: true });

/** Walks a file system depth first, each folder in the order of its names, by descriptors, never through a link. */
export class TreeWalk {
  readonly #run: SnapshotRun;
  readonly #options: WalkOptions;
  readonly #files: FileEntries;
  readonly #previous: PreviousTree;
  readonly #folders = new OpenFolders(openFolder);
  readonly #owners: OwnerNames;
  /** Device numbers of the file systems in the order they were met. */
  readonly #fileSystems: number[] = [];

  constructor(run: SnapshotRun, options: WalkOptions, files: FileEntries, previous: PreviousTree) {
    this.#run = run;
    this.#options = options;
    this.#files = files;
    this.#previous = previous;
    this.#owners = new OwnerNames((what) => run.problems.add('/', 'names_unknown', `names of owners: ${what}`));
  }

  /** The entry of the root, after everything below it; closes `rootFd`. `wanted` is what is asked for at and below `path`. */
  async root(rootFd: number, path: string, wanted: TopPath): Promise<Entry> {
    const folder = this.#folders.root(rootFd);
    try {
      const status = fstatFd(folder.descriptor);
      const entry = this.#entryOf(new Uint8Array(0), status);
      entry.xattrs = this.#readXattrs(folder.descriptor, path);
      const scope = wanted.isTop ? this.#newScope(path, status) : undefined;
      const previous = this.#previous.folder(await this.#previous.at(path));
      entry.directoryHash = await this.#children({ folder, path, wanted, scope, previous });
      if (scope !== undefined) this.#run.count(entry);
      return entry;
    } finally {
      this.#folders.closeAll();
      this.#folders.close(folder);
    }
  }

  async #children(place: Place): Promise<Uint8Array> {
    const writer = new DirectoryWriter(this.#run.upload.node);
    for (const name of this.#names(place)) {
      // Besides its purpose this unwinds the stack, whatever the depth of the tree.
      await this.#run.pause(place.path);
      const entry = await this.#entry(place, name);
      if (entry === undefined) continue;
      this.#run.count(entry);
      writer.add(entry);
    }
    return writer.finish();
  }

  #names(place: Place): string[] {
    if (place.scope === undefined) return [...(place.wanted?.below.keys() ?? [])].sort();
    const list = this.#options.excludeCaches ? folderNamesWithoutCaches : folderNames;
    return list(this.#folders.descriptor(place.folder));
  }

  async #entry(place: Place, name: string): Promise<Entry | undefined> {
    const bytes = bytesOf(name);
    const path = joinPath(place.path, name);
    const wanted = place.wanted?.below.get(name);
    const inBetween = place.scope === undefined && wanted?.isTop !== true;
    const status = this.#status(place, bytes, path, inBetween);
    if (status === undefined) return undefined;
    const sibling = await place.previous?.entry(bytes);
    const previous = sibling ?? (wanted?.isTop === true ? await this.#previous.at(path) : undefined);
    const scope = wanted?.isTop === true ? this.#newScope(path, status) : this.#scopeOf(place, path, status);
    if (scope === undefined && wanted === undefined) {
      this.#run.statistics.excluded += 1;
      return undefined;
    }
    if (status.kind === 'symlink' && wanted !== undefined) this.#noteLink(path);
    const entry = this.#entryOf(bytes, status);
    if (status.kind === 'directory') {
      return this.#directory(place, entry, status, { path, wanted, scope, previous }, inBetween);
    }
    return this.#leaf(place, entry, status, path, previous);
  }

  /** What holds for a child that nobody asked for by name; undefined when it is excluded. */
  #scopeOf(place: Place, path: string, status: FileStatus): Scope | undefined {
    const { scope } = place;
    if (scope === undefined) return undefined;
    return scope.rules.excludes(path.slice(scope.prefix), status.kind === 'directory') ? undefined : scope;
  }

  #newScope(path: string, status: FileStatus): Scope {
    const prefix = path === '/' ? 1 : path.length + 1;
    return { rules: new ExcludeRules(this.#options.excludes, path), device: status.device, prefix };
  }

  async #directory(
    place: Place,
    entry: Entry,
    status: FileStatus,
    below: { path: string; wanted: TopPath | undefined; scope: Scope | undefined; previous: Entry | undefined },
    inBetween: boolean,
  ): Promise<Entry | undefined> {
    const { path, wanted, previous } = below;
    entry.xattrs = this.#xattrs(place, entry, status, path, previous);
    const crosses = this.#options.oneFileSystem && below.scope !== undefined && status.device !== below.scope.device;
    const scope = crosses ? undefined : below.scope;
    if (place.folder.depth + 1 >= treeLimits.depth) {
      return this.#unreadable(entry, path, 'too_deep', `it lies more than ${treeLimits.depth} folders deep`);
    }
    let folder: Folder | undefined;
    try {
      folder = this.#folders.open(place.folder, entry.name, inBetween ? openThroughLinks : openFolder);
      const walked = { folder, path, wanted, scope, previous: this.#previous.folder(previous) };
      entry.directoryHash = await this.#children(walked);
      return entry;
    } catch (error) {
      this.#run.throwIfEnded();
      if (!isPosixError(error)) throw error;
      if (folder === undefined && isGone(error)) return this.#vanished();
      return this.#unreadable(entry, path, error.code, error.message);
    } finally {
      if (folder !== undefined) this.#folders.close(folder);
    }
  }

  async #leaf(
    place: Place,
    entry: Entry,
    status: FileStatus,
    path: string,
    previous: Entry | undefined,
  ): Promise<Entry | undefined> {
    const dirFd = this.#folders.descriptor(place.folder);
    if (status.kind === 'file') {
      const read = await this.#files.complete(dirFd, entry, status, path, previous);
      if (read === 'vanished') return this.#vanished();
    }
    try {
      if (status.kind === 'symlink') entry.linkTarget = readlinkAt(dirFd, entry.name);
    } catch (error) {
      if (!isPosixError(error)) throw error;
      if (isGone(error)) return this.#vanished();
      return this.#unreadable(entry, path, error.code, error.message);
    }
    if (entry.state !== EntryState.unreadable) entry.xattrs = this.#xattrs(place, entry, status, path, previous);
    return entry;
  }

  #status(place: Place, name: Uint8Array, path: string, follow: boolean): FileStatus | undefined {
    try {
      return statAt(this.#folders.descriptor(place.folder), name, { follow });
    } catch (error) {
      if (!isPosixError(error)) throw error;
      if (isGone(error)) return this.#vanished();
      // Not even its kind is known, so there is no entry to mark: the manifest names it.
      this.#run.problems.add(path, error.code, error.message);
      this.#run.totals.unreadable += 1;
      return undefined;
    }
  }

  #entryOf(name: Uint8Array, status: FileStatus): Entry {
    const entry = entryOfStatus(name, status);
    entry.user = this.#owners.user(status.uid);
    entry.group = this.#owners.group(status.gid);
    const known = this.#fileSystems.indexOf(status.device);
    entry.fileSystem = known >= 0 ? known : this.#fileSystems.push(status.device) - 1;
    return entry;
  }

  #xattrs(place: Place, entry: Entry, status: FileStatus, path: string, previous: Entry | undefined): Entry['xattrs'] {
    if (previous !== undefined && this.#previous.isUntouched(previous, status)) return previous.xattrs;
    return this.#readXattrs({ dirFd: this.#folders.descriptor(place.folder), name: entry.name }, path);
  }

  #readXattrs(place: Parameters<typeof entryXattrs>[0], path: string): Entry['xattrs'] {
    return entryXattrs(place, this.#run.upload.chunk, (code, what) => this.#run.problems.add(path, code, what));
  }

  #unreadable(entry: Entry, path: string, code: string, what: string): Entry {
    this.#run.problems.add(path, code, what);
    entry.state = EntryState.unreadable;
    return entry;
  }

  #vanished(): undefined {
    this.#run.statistics.vanished += 1;
    return undefined;
  }

  #noteLink(path: string): void {
    const what = 'it is a symbolic link, and only the link was kept: name the path that it leads to';
    this.#run.problems.add(path, 'path_is_symlink', what);
  }
}

function isGone(error: { readonly code: string }): boolean {
  // ENOTDIR and ELOOP: a file or a link stands where a folder was listed.
  return error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'ELOOP';
}
