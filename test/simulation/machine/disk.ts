import type { SeededRandom } from './random.ts';

/** A write, or a cut to a length, that no sync has made durable yet. */
export type Change = { readonly offset: number; readonly bytes: Buffer } | { readonly length: number };

/** Bytes that grow. */
class Content {
  bytes: Buffer = Buffer.alloc(0);
  length = 0;

  apply(change: Change): void {
    if ('bytes' in change) this.#put(change.offset, change.bytes);
    else {
      if (change.length > this.length) this.#put(this.length, Buffer.alloc(change.length - this.length));
      this.length = change.length;
    }
  }

  view(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  /** Becomes a copy of `other`. */
  copyFrom(other: Content): void {
    [this.bytes, this.length] = [Buffer.from(other.view()), other.length];
  }

  #put(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end > this.bytes.length) {
      const grown = Buffer.alloc(Math.max(end, 2 * this.bytes.length, 256));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    // What lies between the old end and a write behind it reads as zeros.
    if (offset > this.length) this.bytes.fill(0, this.length, offset);
    this.bytes.set(bytes, offset);
    this.length = Math.max(this.length, end);
  }
}

/** The content of a file that a stand-in keeps in its own form. */
export interface Attachment {
  clone(): Attachment;
  /** Power goes: what of it is left. */
  cutPower(random: SeededRandom): void;
}

/** A file: what is read of it, what is on stable storage, and what lies between the two. */
export class SimulatedFile {
  readonly #now = new Content();
  readonly #durable = new Content();
  changes: Change[] = [];
  /** What a library of its own (LMDB) keeps in this file. */
  attachment: Attachment | undefined;

  get length(): number {
    return this.#now.length;
  }

  content(): Buffer {
    return this.#now.view();
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#change({ offset, bytes: Buffer.from(bytes) });
  }

  truncate(length: number): void {
    this.#change({ length });
  }

  /** These changes, or all, are on stable storage. */
  synced(covered: readonly Change[] = this.changes): void {
    const done = new Set(covered);
    for (const change of this.changes) if (done.has(change)) this.#durable.apply(change);
    this.changes = this.changes.filter((change) => !done.has(change));
  }

  /** A sync failed: the system calls the pages clean, they read well, and they are nowhere. */
  syncFailed(): void {
    this.changes = [];
  }

  /** A bit has flipped where it lies. */
  flip(at: number, bit: number): void {
    for (const { bytes } of [this.#now, this.#durable]) bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
  }

  /** Power goes: each change that no sync has covered is kept, lost or torn. */
  cutPower(random: SeededRandom): void {
    // One fate for all of a file's changes in some cuts, one for each in the others: a disk may reorder, and often does not.
    const all = random.pick(['kept', 'lost', 'each', 'each'] as const);
    this.#now.copyFrom(this.#durable);
    for (const change of this.changes.splice(0)) {
      const fate = all === 'each' ? random.pick(['kept', 'lost', 'torn'] as const) : all;
      if (fate === 'kept') this.#now.apply(change);
      else if (fate === 'torn' && 'bytes' in change)
        this.#now.apply({
          offset: change.offset,
          bytes: change.bytes.subarray(0, random.between(0, change.bytes.length)),
        });
    }
    this.#durable.copyFrom(this.#now);
    this.attachment?.cutPower(random);
  }

  clone(): SimulatedFile {
    const copy = new SimulatedFile();
    copy.#now.copyFrom(this.#now);
    copy.#durable.copyFrom(this.#now);
    copy.attachment = this.attachment?.clone();
    return copy;
  }

  #change(change: Change): void {
    this.#now.apply(change);
    this.changes.push(change);
  }
}

export class SimulatedFolder {
  readonly entries = new Map<string, SimulatedFile | SimulatedFolder>();
  /** Names made, moved and removed since the last sync of this folder, oldest first. */
  changes: { readonly undo: () => void }[] = [];

  set(name: string, node: SimulatedFile | SimulatedFolder | undefined): void {
    const before = this.entries.get(name);
    const put = (value: SimulatedFile | SimulatedFolder | undefined) => {
      if (value === undefined) this.entries.delete(name);
      else this.entries.set(name, value);
    };
    put(node);
    this.changes.push({ undo: () => put(before) });
  }

  /** Moves a name within this folder: at any power cut it has one of both names. */
  rename(from: string, to: string): void {
    const [moved, replaced] = [this.entries.get(from), this.entries.get(to)];
    if (moved === undefined) throw new Error('bug: a name that is not there is moved');
    this.entries.delete(from);
    this.entries.set(to, moved);
    const undo = () => {
      if (replaced === undefined) this.entries.delete(to);
      else this.entries.set(to, replaced);
      this.entries.set(from, moved);
    };
    this.changes.push({ undo });
  }
}

/** What a disk does wrong, until somebody mends it. */
export interface DiskFaults {
  /** Nothing more can be written. */
  full: boolean;
  /** So many of the next syncs fail, and what they should have written is nowhere. */
  failingSyncs: number;
}

/** A disk with folders and files. What was not synced is lost, torn or kept at a power cut, as chance has it. */
export class Disk {
  readonly id: number;
  root = new SimulatedFolder();
  readonly faults: DiskFaults = { full: false, failingSyncs: 0 };
  /** Snapshots that the site on this disk has promised to hold: it acknowledged them, or logged its copy. */
  promised = new Set<string>();

  constructor(id: number) {
    this.id = id;
  }

  find(path: string): SimulatedFile | SimulatedFolder | undefined {
    let node: SimulatedFile | SimulatedFolder | undefined = this.root;
    for (const name of path.split('/')) {
      if (name === '') continue;
      if (!(node instanceof SimulatedFolder)) return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  /** Every file, with its path. */
  *files(folder = this.root, path = ''): Generator<[path: string, file: SimulatedFile]> {
    for (const [name, node] of folder.entries) {
      if (node instanceof SimulatedFile) yield [`${path}/${name}`, node];
      else yield* this.files(node, `${path}/${name}`);
    }
  }

  /** Power goes: of what no sync covered, each write is kept, lost or torn; of new names, the latest of each folder are lost. */
  cutPower(random: SeededRandom, folder = this.root): void {
    const keep = random.between(0, folder.changes.length);
    for (const { undo } of folder.changes.splice(keep).reverse()) undo();
    folder.changes = [];
    for (const node of folder.entries.values()) {
      if (node instanceof SimulatedFolder) this.cutPower(random, node);
      else node.cutPower(random);
    }
  }

  /** An image of this disk as it would be read now, all of it durable. */
  clone(id: number): Disk {
    const copy = new Disk(id);
    copy.root = cloneFolder(this.root);
    copy.promised = new Set(this.promised);
    return copy;
  }
}

function cloneFolder(folder: SimulatedFolder): SimulatedFolder {
  const copy = new SimulatedFolder();
  for (const [name, node] of folder.entries) {
    if (node instanceof SimulatedFolder) copy.entries.set(name, cloneFolder(node));
    else copy.entries.set(name, node.clone());
  }
  return copy;
}
