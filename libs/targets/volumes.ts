/** A file as `list` found it. */
export interface VolumeFile {
  /** Path within the volumes, with `/`: `000000/0000000001.pack`. */
  readonly name: string;
  readonly bytes: number;
}

/** A file that only grows, held by its one writer. */
export interface GrowingFile {
  /** Bytes that were handed to `append` and written, durable or not. */
  readonly length: number;
  /**
   * Writes `parts` one after the other at the end. One call at a time. After a failure the end of the file is unknown:
   * close it and go on in another.
   */
  append(parts: readonly Uint8Array[]): Promise<void>;
  /**
   * Resolves when all that was appended before the call is on stable storage; appends may go on meanwhile. After a
   * failure nothing of this file that was not synced before may be trusted, and calling again proves nothing: the
   * system may have dropped the pages and called them clean.
   */
  datasync(): Promise<void>;
  /** May be called again. */
  close(): Promise<void>;
}

/**
 * Where packs lie, with random access: a folder, a pool of disks, a bucket. Every failure is one of the errors of
 * `volume-errors.ts`. What an adapter must keep is what `volumes-conformance.ts` tests.
 */
export interface Volumes {
  /** Every file, in no particular order. */
  list(): Promise<VolumeFile[]>;
  /** A new, empty file whose name is durable when this resolves. Refuses a name that exists. */
  create(name: string): Promise<GrowingFile>;
  /**
   * Cuts a file to `keepBytes` and goes on at its end. What is kept is durable when this resolves, even when the writer
   * before saw a sync fail.
   */
  reopen(name: string, keepBytes: number): Promise<GrowingFile>;
  /** Durable when it resolves; at any crash the file has one of both names. */
  rename(from: string, to: string): Promise<void>;
  /** Durable when it resolves. A reader that is under way still gets its bytes. */
  remove(name: string): Promise<void>;
  /** `length` bytes from `offset`, or as many as there are, in memory of their own. */
  readAt(name: string, offset: number, length: number): Promise<Uint8Array>;
  /** The whole of a small file; undefined when there is none. */
  readSmall(name: string): Promise<Uint8Array | undefined>;
  /** Replaces a small file as a whole: the old content or the new at any crash; durable when it resolves. */
  writeSmall(name: string, content: Uint8Array): Promise<void>;
  /** Bytes that can still be written. */
  freeBytes(): Promise<number>;
  close(): Promise<void>;
}
