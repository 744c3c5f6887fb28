import type { Entry } from '#model';
import { getXattr } from '#posix';
import type { Folder } from '../open-folders.ts';
import type { LoadedXattr } from './entry-metadata.ts';
import type { RestoreRun } from './restore-run.ts';

/** What is set on a folder when all that lies in it is done. */
export interface FolderMetadata {
  readonly entry: Entry;
  readonly xattrs: readonly LoadedXattr[];
}

export interface FolderOptions {
  readonly folder: Folder;
  readonly path: string;
  readonly parent: RestoredFolder | undefined;
  /** Undefined: the folder stays as it is. */
  readonly metadata: FolderMetadata | undefined;
  readonly isNew: boolean;
}

const itself = Buffer.from('.');
const defaultAcl = Buffer.from('system.posix_acl_default');

/**
 * A folder of the target while things are made in it. Its metadata come after its last file: making a file changes the
 * folder's time, and a read-only folder takes none.
 */
export class RestoredFolder {
  readonly folder: Folder;
  readonly path: string;
  /** Made by this run: nothing is in it that it did not make. */
  readonly isNew: boolean;
  /** What is made in it inherits an ACL. */
  readonly handsDown: boolean;
  readonly #run: RestoreRun;
  readonly #parent: RestoredFolder | undefined;
  readonly #metadata: FolderMetadata | undefined;
  #holds = 1;

  /** Held once by its maker. */
  constructor(run: RestoreRun, { folder, path, parent, metadata, isNew }: FolderOptions) {
    this.#run = run;
    this.folder = folder;
    this.path = path;
    this.#parent = parent;
    this.#metadata = metadata;
    this.isNew = isNew;
    // A folder that was made in one that hands down does so too.
    this.handsDown = isNew && parent !== undefined ? parent.handsDown : hasDefaultAcl(this.descriptor);
    parent?.hold();
  }

  /** Its descriptor: use it at once, the next folder to be opened may close it. */
  get descriptor(): number {
    return this.#run.folders.descriptor(this.folder);
  }

  hold(): void {
    this.#holds += 1;
  }

  /** Ends one hold; with the last one the folder is finished, and maybe its parent. */
  release(): void {
    this.#holds -= 1;
    if (this.#holds > 0) return;
    if (this.#metadata !== undefined) {
      const { entry, xattrs } = this.#metadata;
      try {
        const parent = this.#parent;
        const place =
          parent === undefined
            ? { dirFd: this.descriptor, name: itself }
            : { dirFd: parent.descriptor, name: this.folder.name };
        const mayHaveOthers = !this.isNew || parent?.handsDown !== false;
        this.#run.metadata(place, { entry, xattrs, path: this.path, mayHaveOthers });
      } catch (error) {
        this.#run.fileProblem(this.path, error);
      }
    }
    this.#run.folders.close(this.folder);
    this.#parent?.release();
  }
}

function hasDefaultAcl(dirFd: number): boolean {
  return getXattr({ dirFd, name: itself }, defaultAcl) !== undefined;
}
