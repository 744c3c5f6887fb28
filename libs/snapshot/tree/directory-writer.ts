import type { DirectorySegment, Entry } from '#model';
import { assert, compareBytes } from '#runtime';
import { encodeNode, sha256 } from '#wire';
import { cutParts, isCutHash } from './cut-parts.ts';
import { treeLimits } from './tree-limits.ts';

interface Segment {
  readonly firstName: Uint8Array;
  readonly pieces: Uint8Array[];
  bytes: number;
}

/**
 * Writes one directory, entry by entry in memcmp order, as FORMAT.md section 5 cuts it. Segments leave as soon as it is
 * known that the directory is too large for one node, so a folder of a million entries is never whole in memory.
 */
export class DirectoryWriter {
  readonly #put: (payload: Uint8Array) => Uint8Array;
  #open: Segment | undefined;
  /** Ended segments that become one directory after all when it stays small. */
  #held: Segment[] = [];
  #written: DirectorySegment[] = [];
  #bytes = 0;
  #lastName: Uint8Array | undefined;

  /** `put` takes a payload to wherever nodes go and returns its hash. */
  constructor(put: (payload: Uint8Array) => Uint8Array) {
    this.#put = put;
  }

  add(entry: Entry): void {
    assert(this.#lastName === undefined || compareBytes(this.#lastName, entry.name) < 0, 'entries come in order');
    this.#lastName = entry.name;
    const piece = directoryPiece(entry);
    if (this.#open === undefined || endsBefore(this.#open, entry.name)) {
      if (this.#open !== undefined) this.#held.push(this.#open);
      this.#open = { firstName: entry.name, pieces: [], bytes: 0 };
    }
    this.#open.pieces.push(piece);
    this.#open.bytes += piece.length;
    this.#bytes += piece.length;
    if (this.#isLarge()) this.#writeHeld();
  }

  /** The hash that stands for the directory; all its nodes are put. */
  finish(): Uint8Array {
    if (this.#open !== undefined) this.#held.push(this.#open);
    if (!this.#isLarge()) return this.#put(directoryPayload(this.#held.flatMap((segment) => segment.pieces)));
    this.#writeHeld();
    let segments = this.#written;
    while (segments.length > treeLimits.partMax) {
      segments = cutParts(segments, (segment) => segment.nodeHash).map((part) => this.#putIndex(part));
    }
    return this.#putIndex(segments).nodeHash;
  }

  #isLarge(): boolean {
    return this.#bytes > treeLimits.wholeDirectoryBytes;
  }

  #writeHeld(): void {
    for (const { firstName, pieces } of this.#held) {
      this.#written.push({ firstName, nodeHash: this.#put(directoryPayload(pieces)), entryCount: pieces.length });
    }
    this.#held = [];
  }

  #putIndex(segments: DirectorySegment[]): DirectorySegment {
    const [first] = segments;
    assert(first !== undefined, 'an index has segments');
    const nodeHash = this.#put(encodeNode({ type: 'directoryIndex', directoryIndex: { segments } }));
    const entryCount = segments.reduce((sum, segment) => sum + segment.entryCount, 0);
    return { firstName: first.firstName, nodeHash, entryCount };
  }
}

function endsBefore(segment: Segment, nextName: Uint8Array): boolean {
  const count = segment.pieces.length;
  if (count >= treeLimits.partMax || segment.bytes >= treeLimits.segmentBytes) return true;
  return count >= treeLimits.partMin && isCutHash(sha256(nextName));
}

// In protobuf a message is the concatenation of its fields, so a directory's payload is put together from its entries,
// each encoded once, while their sizes are being counted.
const directoryTag = 0x0a;

/** One entry as it stands inside a Directory message: tag, length, bytes. */
function directoryPiece(entry: Entry): Uint8Array {
  const payload = encodeNode({ type: 'directory', directory: { entries: [entry] } });
  let at = 1;
  while ((payload[at] as number) >= 0x80) at++;
  return payload.subarray(at + 1);
}

/** The payload of a Directory node: byte for byte what encodeNode gives for the same entries. */
function directoryPayload(pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const header = [directoryTag];
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) header.push((rest & 0x7f) | 0x80);
  header.push(rest);
  return Buffer.concat([Uint8Array.from(header), ...pieces]);
}
