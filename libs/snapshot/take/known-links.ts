import type { Extent } from '#model';
import type { FileStatus } from '#posix';

// 65,536 files with further names still to come: about 20 MiB. What falls out is only read twice.
const filesMax = 65_536;

export interface LinkedContent {
  readonly status: FileStatus;
  readonly extents: Extent[];
  readonly contentListHash: Uint8Array;
}

/** Contents of files with several names, so that each is read once. */
export class KnownLinks {
  readonly #files = new Map<string, LinkedContent & { namesLeft: number }>();

  /** The content as it was read under another name, if nothing changed since. */
  find(status: FileStatus): LinkedContent | undefined {
    if (status.links < 2) return undefined;
    const key = keyOf(status);
    const known = this.#files.get(key);
    if (known === undefined) return undefined;
    known.namesLeft -= 1;
    if (known.namesLeft === 0) this.#files.delete(key);
    const was = known.status;
    const same = was.size === status.size && was.ctimeS === status.ctimeS && was.ctimeNs === status.ctimeNs;
    return same ? known : undefined;
  }

  add(content: LinkedContent): void {
    const { status } = content;
    if (status.links < 2) return;
    if (this.#files.size >= filesMax) this.#files.delete(this.#files.keys().next().value as string);
    this.#files.set(keyOf(status), { ...content, namesLeft: status.links - 1 });
  }
}

function keyOf(status: FileStatus): string {
  return `${status.device}:${status.inode}`;
}
