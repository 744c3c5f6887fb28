import { type Entry, EntryKind, EntryState, type Extent, type Manifest } from '#model';
import { bytesOf, textOf } from '../path-text.ts';
import type { SnapshotSource } from '../ports.ts';
import { extentsOf } from '../tree/content-reader.ts';
import { findPath } from '../tree/find-entry.ts';
import { walkEntries } from '../tree/walk-entries.ts';
import { contentOf, isThere, windows } from './tar-content.ts';
import { tarEnd, tarHeaders, tarPadding } from './tar-header.ts';
import { TarMembers } from './tar-members.ts';

export interface TarOptions {
  readonly source: SnapshotSource;
  readonly manifest: Manifest;
  /** A folder: what is in it, and itself as `./`; a file: that. Default: all. */
  readonly subPath?: Uint8Array;
  readonly signal?: AbortSignal;
  /** Hears of everything that the archive lacks; then it is not the whole snapshot. */
  readonly onProblem: (path: Uint8Array, code: string, what: string) => void;
}

/** A member that is small enough to be held, with others, while its content is fetched. */
interface HeldMember {
  readonly path: Uint8Array;
  readonly entry: Entry;
  readonly extents: readonly Extent[];
}

// What is fetched at once and held in memory until it is its turn.
const heldBytesMax = 33_554_432;
const heldHashesMax = 8192;
const heldEntriesMax = 4096;
const none = new Uint8Array(0);

/**
 * The snapshot as a pax archive (POSIX.1-2001): nanoseconds, extended attributes as SCHILY.xattr, hard links, devices,
 * names of any length and bytes. Holes are written as zeros, sockets left out. GNU tar extracts it with
 * `tar -x --xattrs --xattrs-include='*'`. Rejects with AppError `not_in_snapshot`, and what the source throws.
 */
export async function* tarStream(options: TarOptions): AsyncGenerator<Buffer, void, undefined> {
  const start = await findPath(options.source, options.manifest, options.subPath ?? none);
  const writer = new TarWriter(options);
  let length = 0;
  for await (const piece of writer.members(start)) {
    options.signal?.throwIfAborted();
    length += piece.length;
    yield piece;
  }
  yield tarEnd(length);
}

class HeldGroup {
  readonly members: HeldMember[] = [];
  #bytes = 0;
  #hashes = 0;

  add(member: HeldMember): void {
    this.members.push(member);
    for (const extent of member.extents) this.#bytes += extent.length;
    this.#hashes += member.extents.length + member.entry.xattrs.length;
  }

  get isFull(): boolean {
    return this.#bytes >= heldBytesMax || this.#hashes >= heldHashesMax || this.members.length >= heldEntriesMax;
  }
}

class TarWriter {
  readonly #options: TarOptions;
  readonly #members: TarMembers;

  constructor(options: TarOptions) {
    this.#options = options;
    this.#members = new TarMembers(options.onProblem);
  }

  async *members(start: Entry): AsyncGenerator<Buffer> {
    let group = new HeldGroup();
    for await (const { path, entry } of this.#entries(start)) {
      const extents = await this.#heldExtents(entry);
      if (extents !== undefined) group.add({ path, entry, extents });
      if (extents !== undefined && !group.isFull) continue;
      yield* this.#together(group.members);
      group = new HeldGroup();
      if (extents === undefined) yield* this.#large(path, entry);
    }
    yield* this.#together(group.members);
  }

  async *#entries(start: Entry): AsyncGenerator<{ path: Uint8Array; entry: Entry }> {
    const { manifest, source } = this.#options;
    if (start.kind !== EntryKind.directory) {
      yield { path: start.name, entry: start };
      return;
    }
    if (start !== manifest.root || !manifest.rootIsVirtual) yield { path: bytesOf('.'), entry: start };
    for await (const walked of walkEntries(source, start)) yield walked;
  }

  /** The extents of a file that is small enough to be held with others; none for what has no content. */
  async #heldExtents(entry: Entry): Promise<readonly Extent[] | undefined> {
    if (entry.kind !== EntryKind.file || entry.state === EntryState.unreadable) return [];
    if (entry.size > heldBytesMax || entry.contentListHash.length > 0) return undefined;
    const extents: Extent[] = [];
    for await (const list of extentsOf(this.#options.source, entry)) extents.push(...list);
    return extents;
  }

  async *#together(members: readonly HeldMember[]): AsyncGenerator<Buffer> {
    const wanted = members.flatMap(({ entry, extents }) => [
      ...extents.map((extent) => extent.chunkHash),
      ...entry.xattrs.map((xattr) => xattr.valueHash),
    ]);
    const contents = await this.#fetch(wanted);
    for (const { path, entry, extents } of members) {
      const isWhole = extents.every((extent) => isThere(extent, contents));
      if (!isWhole) {
        this.#options.onProblem(path, 'content_missing', 'a part of its content is lost: it is not in the archive');
        continue;
      }
      const member = this.#members.member(path, entry, contents);
      if (member === undefined) continue;
      yield tarHeaders(member);
      if (member.size === 0) continue;
      for (const extent of extents) yield* contentOf(extent, contents);
      yield tarPadding(member.size);
    }
  }

  /** A file of any size, a window of chunks at a time. Its header is out before all of it is known to be there. */
  async *#large(path: Uint8Array, entry: Entry): AsyncGenerator<Buffer> {
    const attributes = await this.#fetch(entry.xattrs.map((xattr) => xattr.valueHash));
    const member = this.#members.member(path, entry, attributes);
    if (member === undefined) return;
    yield tarHeaders(member);
    if (member.size === 0) return;
    for await (const extents of extentsOf(this.#options.source, entry)) {
      for (const window of windows(extents, heldBytesMax)) yield* this.#window(path, window);
    }
    yield tarPadding(member.size);
  }

  async *#window(path: Uint8Array, extents: readonly Extent[]): AsyncGenerator<Buffer> {
    const contents = await this.#fetch(extents.map((extent) => extent.chunkHash));
    for (const extent of extents) {
      if (!isThere(extent, contents)) {
        this.#options.onProblem(
          path,
          'content_missing',
          `${extent.length} bytes of it are lost: they are zeros in the archive`,
        );
      }
      yield* contentOf(extent, contents);
    }
  }

  async #fetch(hashes: readonly Uint8Array[]): Promise<Map<string, Uint8Array>> {
    const wanted = new Map(hashes.filter((hash) => hash.length > 0).map((hash) => [textOf(hash), hash]));
    const contents = new Map<string, Uint8Array>();
    const list = [...wanted.values()];
    for (let at = 0; at < list.length; at += heldHashesMax) {
      for await (const { hash, content } of this.#options.source.chunks(list.slice(at, at + heldHashesMax))) {
        if (content !== undefined) contents.set(textOf(hash), content);
      }
    }
    return contents;
  }
}
