import { closeFd, fstatFd } from '#posix';
import { AppError } from '#runtime';

/** One folder on the way from a root to where work goes on. */
export interface Folder {
  readonly parent: Folder | undefined;
  readonly name: Uint8Array;
  readonly depth: number;
  readonly device: number;
  readonly inode: bigint;
  readonly openChild: OpenChild;
  /** -1 while it is closed. */
  descriptor: number;
}

/** Opens folder `name` of an open folder: with which flags and safeguards is the owner's choice. */
export type OpenChild = (parentFd: number, name: Uint8Array) => number;

// With files and sockets this stays below the 1024 descriptors that some machines allow a process.
const openMax = 200;

/**
 * Folders by descriptor, at any depth: of a tree thousands of levels deep only the newest 200 stay open, the others are
 * closed and opened again, level by level, when they are needed; the same folder or an error (`folder_moved`).
 */
export class OpenFolders {
  readonly #openChild: OpenChild;
  /** In the order in which they were opened. */
  readonly #open = new Set<Folder>();

  constructor(openChild: OpenChild) {
    this.#openChild = openChild;
  }

  /** Takes over a descriptor. A root stays open until `close`. */
  root(descriptor: number): Folder {
    const { device, inode } = fstatFd(descriptor);
    const openChild = this.#openChild;
    return { parent: undefined, name: new Uint8Array(0), depth: 0, device, inode, openChild, descriptor };
  }

  /** Opens a folder in a folder, in another way than the usual one where `openChild` says so. Throws PosixError, and AppError `folder_moved` for a parent. */
  open(parent: Folder, name: Uint8Array, openChild = this.#openChild): Folder {
    const descriptor = openChild(this.descriptor(parent), name);
    const { device, inode } = fstatFd(descriptor);
    const folder: Folder = { parent, name, depth: parent.depth + 1, device, inode, openChild, descriptor };
    this.#admit(folder);
    return folder;
  }

  /** The descriptor of a folder. Use it at once: the next `open` may close it. */
  descriptor(folder: Folder): number {
    if (folder.descriptor >= 0) return folder.descriptor;
    const closed: Folder[] = [];
    let at = folder;
    for (; at.descriptor < 0 && at.parent !== undefined; at = at.parent) closed.push(at);
    for (const next of closed.reverse()) {
      this.#reopen(next, at.descriptor);
      at = next;
    }
    return at.descriptor;
  }

  close(folder: Folder): void {
    this.#open.delete(folder);
    if (folder.descriptor >= 0) closeFd(folder.descriptor);
    folder.descriptor = -1;
  }

  /** Closes all but the roots. */
  closeAll(): void {
    for (const folder of this.#open) this.close(folder);
  }

  #reopen(folder: Folder, parentFd: number): void {
    const descriptor = folder.openChild(parentFd, folder.name);
    const { device, inode } = fstatFd(descriptor);
    if (device !== folder.device || inode !== folder.inode) {
      closeFd(descriptor);
      throw new AppError('a folder was moved away while work in it went on', {
        code: 'folder_moved',
        advice: 'Run it again when nobody moves folders in that tree.',
      });
    }
    folder.descriptor = descriptor;
    this.#admit(folder);
  }

  // The newest two stay, so a chain that is being opened never loses the folder it goes on from.
  #admit(folder: Folder): void {
    this.#open.add(folder);
    if (this.#open.size <= openMax) return;
    const [oldest] = this.#open;
    if (oldest !== undefined) this.close(oldest);
  }
}
