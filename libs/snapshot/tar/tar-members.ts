import { type Entry, EntryKind, EntryState } from '#model';
import { textOf } from '../path-text.ts';
import { linkKey } from '../tree/entry-fields.ts';
import { type TarMember, tarTypes } from './tar-header.ts';

type OnProblem = (path: Uint8Array, code: string, what: string) => void;

/** Turns entries into members of one archive: a file with several names is in it once, and the others link to it. */
export class TarMembers {
  readonly #onProblem: OnProblem;
  /** Path of the name under which a file with several names is in the archive. */
  readonly #links = new Map<string, { readonly path: Uint8Array; namesLeft: number }>();

  constructor(onProblem: OnProblem) {
    this.#onProblem = onProblem;
  }

  /** The member for an entry; undefined for what an archive cannot hold. */
  member(path: Uint8Array, entry: Entry, values: ReadonlyMap<string, Uint8Array>): TarMember | undefined {
    if (entry.kind === EntryKind.socket) return undefined;
    if (entry.state === EntryState.unreadable) {
      this.#onProblem(path, 'not_in_snapshot', 'it could not be read when it was backed up');
      if (entry.kind !== EntryKind.directory) return undefined;
    }
    const type = typeOf(entry);
    if (type === undefined) {
      this.#onProblem(path, 'unknown_kind', 'this version knows no such kind of file');
      return undefined;
    }
    const member = {
      ...entry,
      path: entry.kind === EntryKind.directory ? Buffer.concat([path, Buffer.from('/')]) : path,
      type,
      size: entry.kind === EntryKind.file ? entry.size : 0,
      linkPath: entry.linkTarget,
      xattrs: this.#xattrs(path, entry, values),
    };
    const linkPath = this.#firstName(path, entry);
    return linkPath === undefined ? member : { ...member, type: tarTypes.hardLink, linkPath, size: 0, xattrs: [] };
  }

  /** The name under which the same file came before. */
  #firstName(path: Uint8Array, entry: Entry): Uint8Array | undefined {
    if (entry.links < 2 || entry.kind === EntryKind.directory) return undefined;
    const key = linkKey(entry);
    const known = this.#links.get(key);
    if (known === undefined) {
      this.#links.set(key, { path, namesLeft: entry.links - 1 });
      return undefined;
    }
    known.namesLeft -= 1;
    if (known.namesLeft === 0) this.#links.delete(key);
    return known.path;
  }

  #xattrs(path: Uint8Array, entry: Entry, values: ReadonlyMap<string, Uint8Array>): TarMember['xattrs'] {
    return entry.xattrs.flatMap(({ name, value, valueHash }) => {
      const whole = valueHash.length === 0 ? value : values.get(textOf(valueHash));
      if (whole !== undefined) return [{ name, value: whole }];
      this.#onProblem(path, 'content_missing', `its attribute ${Buffer.from(name).toString()} is lost`);
      return [];
    });
  }
}

function typeOf(entry: Entry): TarMember['type'] | undefined {
  switch (entry.kind) {
    case EntryKind.file:
      return tarTypes.file;
    case EntryKind.directory:
      return tarTypes.directory;
    case EntryKind.symlink:
      return tarTypes.symlink;
    case EntryKind.fifo:
      return tarTypes.fifo;
    case EntryKind.characterDevice:
      return tarTypes.characterDevice;
    case EntryKind.blockDevice:
      return tarTypes.blockDevice;
    default:
      return undefined;
  }
}
