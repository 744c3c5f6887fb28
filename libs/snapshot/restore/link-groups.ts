import { type Entry, EntryKind } from '#model';
import { closeFd, linkAt, openBeneath, openFlag, renameAt, statAt } from '#posix';
import { linkKey } from '../tree/entry-fields.ts';
import { makeAnew } from './file-writer.ts';
import { isAbsent, type RestoreRun } from './restore-run.ts';
import type { RestoredFolder } from './restored-folder.ts';

/** A name of a file that has several. */
export interface LinkName {
  readonly folder: RestoredFolder;
  readonly entry: Entry;
  readonly path: string;
}

interface Group {
  readonly first: LinkName;
  namesLeft: number;
  isThere: boolean;
  readonly waiting: LinkName[];
}

const itself = Buffer.from('.');

/** Files with several names: the first is restored, the others are linked to it. Remembers those files only. */
export class LinkGroups {
  readonly #run: RestoreRun;
  readonly #groups = new Map<string, Group>();

  constructor(run: RestoreRun) {
    this.#run = run;
  }

  /** True when another name of the file came before: then this one is linked, now or when that one is there. */
  joins(name: LinkName): boolean {
    const group = this.#groups.get(linkKey(name.entry));
    if (group === undefined) return false;
    group.namesLeft -= 1;
    if (group.isThere) this.#link(group, name);
    else {
      name.folder.hold();
      group.waiting.push(name);
    }
    this.#forgetIfDone(group);
    return true;
  }

  /** Opens a group with the name that is being restored. */
  begin(first: LinkName, isThere: boolean): void {
    if (first.entry.links < 2) return;
    this.#groups.set(linkKey(first.entry), { first, namesLeft: first.entry.links - 1, isThere, waiting: [] });
  }

  /** The first name is there, or will never be. */
  end(first: LinkName, restored: boolean): void {
    const key = linkKey(first.entry);
    const group = this.#groups.get(key);
    if (group === undefined || group.first !== first) return;
    group.isThere = restored;
    for (const name of group.waiting.splice(0)) {
      if (restored) this.#link(group, name);
      else this.#run.problem(name.path, 'link_missing', `it is another name of ${first.path}, which was not restored`);
      name.folder.release();
    }
    if (restored) this.#forgetIfDone(group);
    else this.#groups.delete(key);
  }

  #forgetIfDone(group: Group): void {
    if (group.namesLeft <= 0 && group.waiting.length === 0) this.#groups.delete(linkKey(group.first.entry));
  }

  #link({ first }: Group, name: LinkName): void {
    try {
      this.#linkTo(first, name);
      if (name.entry.kind === EntryKind.file) this.#run.report.files += 1;
      else this.#run.report.others += 1;
      this.#run.report.hardLinks += 1;
    } catch (error) {
      this.#run.fileProblem(name.path, error);
    }
  }

  #linkTo(first: LinkName, name: LinkName): void {
    // A descriptor of its own: fetching the other folder's may close the first's.
    const firstFd = openBeneath(first.folder.descriptor, itself, openFlag.path | openFlag.directory);
    try {
      const dirFd = name.folder.descriptor;
      // Renaming one name of a file over another does nothing and would leave the temporary one.
      if (!name.folder.isNew && isSameFile(firstFd, first.entry.name, dirFd, name.entry.name)) return;
      const temporary = this.#run.temporaryName(name.entry.name);
      makeAnew(dirFd, temporary, () => linkAt(firstFd, first.entry.name, dirFd, temporary));
      renameAt(dirFd, temporary, dirFd, name.entry.name);
    } finally {
      closeFd(firstFd);
    }
  }
}

function isSameFile(dirFdA: number, nameA: Uint8Array, dirFdB: number, nameB: Uint8Array): boolean {
  try {
    const a = statAt(dirFdA, nameA);
    const b = statAt(dirFdB, nameB);
    return a.inode === b.inode && a.device === b.device;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}
