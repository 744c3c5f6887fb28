import type { FileEvent } from './recording.ts';

/** A change of a file's content, in the order of the calls. */
interface ContentChange {
  readonly kind: 'write' | 'truncate';
  readonly offset: number;
  readonly data: Buffer;
  /** `lost`: a sync of it failed, so the system may have dropped it, and no later sync writes it. */
  state: 'pending' | 'durable' | 'lost';
}

export interface ModelFile {
  readonly type: 'file';
  /** What is durable for certain, up to the first change that is not. */
  base: Buffer;
  readonly changes: ContentChange[];
}

export interface ModelFolder {
  readonly type: 'folder';
  /** As a process sees it. */
  readonly now: Map<string, ModelNode>;
  readonly durable: Map<string, ModelNode>;
}

export type ModelNode = ModelFile | ModelFolder;

/** A change of names that happens as a whole or not at all. */
export interface NameChange {
  readonly parts: readonly {
    readonly folder: ModelFolder;
    readonly name: string;
    readonly to: ModelNode | undefined;
  }[];
}

export function newFolder(): ModelFolder {
  return { type: 'folder', now: new Map(), durable: new Map() };
}

export function durableFile(content: Buffer): ModelFile {
  return { type: 'file', base: content, changes: [] };
}

/**
 * What lies on a disk that keeps no more promises than POSIX makes: content is durable once its own file was synced after
 * it was written, a name once its own folder was; until then each may be there or not, in any order.
 */
export class DiskModel {
  readonly top: ModelFolder;
  /** Name changes that no sync has made durable, in the order of the calls. */
  pendingNames: NameChange[] = [];
  readonly #rootPath: string;
  readonly #byInode = new Map<bigint, ModelNode>();
  readonly #syncs = new Map<string, { readonly node: ModelNode; readonly changes: readonly unknown[] }>();

  /** `top` is what lies below `rootPath` before the first event, all of it durable. */
  constructor(rootPath: string, top: ModelFolder) {
    this.#rootPath = rootPath;
    this.top = top;
  }

  /** Takes the next event of the recording. */
  apply(event: FileEvent): void {
    switch (event.call) {
      case 'open':
        this.#open(event);
        return;
      case 'pwrite':
      case 'pwritev':
      case 'write':
      case 'writev':
        this.#write(event);
        return;
      case 'ftruncate': {
        const file = this.#fileOf(event);
        file.changes.push({ kind: 'truncate', offset: event.length, data: Buffer.alloc(0), state: 'pending' });
        return;
      }
      case 'rename':
        this.#move(event.path, event.other, true);
        return;
      case 'link':
        this.#move(event.path, event.other, false);
        return;
      case 'unlink':
      case 'rmdir':
        this.#setName(event.path, undefined);
        return;
      case 'mkdir':
        this.#setName(event.path, newFolder());
        return;
      case 'fsync':
      case 'fdatasync':
        this.#syncBegins(event);
        return;
      case 'synced':
        this.#syncEnds(event);
        return;
      case 'told':
      case 'mmap':
        return;
      default:
        throw new Error(`the model does not know ${event.call} ${event.path}`);
    }
  }

  /** What `look` sees when a write is taken, which is forgotten again. */
  trying<T>(event: FileEvent, look: () => T): T {
    const { changes } = this.#fileOf(event);
    changes.push({ kind: 'write', offset: event.offset, data: event.data, state: 'pending' });
    try {
      return look();
    } finally {
      changes.pop();
    }
  }

  #open({ path, inode, flags }: FileEvent): void {
    if ((flags & 1) !== 0) this.#setName(path, durableFile(Buffer.alloc(0)));
    const node = this.#find(path);
    if (node === undefined) throw new Error(`${path} is open and was never made`);
    this.#byInode.set(inode, node);
    if ((flags & 2) !== 0 && node.type === 'file')
      node.changes.push({ kind: 'truncate', offset: 0, data: Buffer.alloc(0), state: 'pending' });
  }

  #write(event: FileEvent): void {
    const file = this.#fileOf(event);
    // A descriptor of O_DSYNC: LMDB writes the page that makes a transaction count by it.
    const state = (event.flags & 8) === 0 ? 'pending' : 'durable';
    file.changes.push({ kind: 'write', offset: event.offset, data: event.data, state });
    fold(file);
  }

  #syncBegins({ pid, offset, inode }: FileEvent): void {
    const node = this.#byInode.get(inode);
    if (node === undefined) throw new Error('a sync of what was never opened');
    const changes =
      node.type === 'file'
        ? node.changes.filter(({ state }) => state === 'pending')
        : this.pendingNames.filter(({ parts }) => parts.some(({ folder }) => folder === node));
    this.#syncs.set(`${pid}-${offset}`, { node, changes });
  }

  #syncEnds({ pid, offset, error }: FileEvent): void {
    const sync = this.#syncs.get(`${pid}-${offset}`);
    if (sync === undefined) throw new Error('a sync ended that never began');
    this.#syncs.delete(`${pid}-${offset}`);
    const covered = new Set(sync.changes);
    if (sync.node.type === 'file') {
      for (const change of sync.node.changes) {
        if (covered.has(change) && change.state === 'pending') change.state = error === 0 ? 'durable' : 'lost';
      }
      fold(sync.node);
    } else if (error === 0) {
      for (const change of this.pendingNames) if (covered.has(change)) makeDurable(change);
      this.pendingNames = this.pendingNames.filter((change) => !covered.has(change));
    }
  }

  #move(from: string, to: string, leaves: boolean): void {
    const node = this.#find(from);
    if (node === undefined) throw new Error(`${from} is renamed and is not there`);
    const target = { ...this.#placeOf(to), to: node };
    this.#change({ parts: leaves ? [{ ...this.#placeOf(from), to: undefined }, target] : [target] });
  }

  #setName(path: string, to: ModelNode | undefined): void {
    this.#change({ parts: [{ ...this.#placeOf(path), to }] });
  }

  #change(change: NameChange): void {
    for (const { folder, name, to } of change.parts) {
      if (to === undefined) folder.now.delete(name);
      else folder.now.set(name, to);
    }
    this.pendingNames.push(change);
  }

  #fileOf({ inode, call }: FileEvent): ModelFile {
    const node = this.#byInode.get(inode);
    if (node?.type !== 'file') throw new Error(`${call} of a file that was never opened`);
    return node;
  }

  #placeOf(path: string): { readonly folder: ModelFolder; readonly name: string } {
    const slash = path.lastIndexOf('/');
    const folder = this.#find(path.slice(0, slash));
    if (folder?.type !== 'folder') throw new Error(`no folder for ${path}`);
    return { folder, name: path.slice(slash + 1) };
  }

  #find(path: string): ModelNode | undefined {
    let node: ModelNode | undefined = this.top;
    for (const name of path.slice(this.#rootPath.length).split('/').filter(Boolean)) {
      node = node?.type === 'folder' ? node.now.get(name) : undefined;
    }
    return node;
  }
}

/** Applies one change to a content. */
export function changed(
  content: Buffer,
  { kind, offset, data }: Pick<ContentChange, 'kind' | 'offset' | 'data'>,
): Buffer {
  const length = kind === 'truncate' ? offset : Math.max(content.length, offset + data.length);
  const grown = Buffer.alloc(length);
  content.copy(grown, 0, 0, Math.min(content.length, length));
  if (kind === 'write') data.copy(grown, offset);
  return grown;
}

/** Takes what is durable at the beginning of the changes into the base, with one copy of the content. */
function fold(file: ModelFile): void {
  const first = file.changes.findIndex(({ state }) => state !== 'durable');
  const durable = file.changes.splice(0, first < 0 ? file.changes.length : first);
  if (durable.length === 0) return;
  let [length, longest] = [file.base.length, file.base.length];
  for (const { kind, offset, data } of durable) {
    length = kind === 'truncate' ? offset : Math.max(length, offset + data.length);
    longest = Math.max(longest, length);
  }
  const content = Buffer.alloc(longest);
  file.base.copy(content);
  let end = file.base.length;
  for (const { kind, offset, data } of durable) {
    if (kind === 'write') {
      data.copy(content, offset);
      end = Math.max(end, offset + data.length);
    } else {
      content.fill(0, offset);
      end = offset;
    }
  }
  file.base = content.subarray(0, length);
}

function makeDurable({ parts }: NameChange): void {
  for (const { folder, name, to } of parts) {
    if (to === undefined) folder.durable.delete(name);
    else folder.durable.set(name, to);
  }
}
