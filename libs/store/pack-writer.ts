import { createHash, type Hash } from 'node:crypto';
import type { PackId, RealmId } from '#model';
import { assert } from '#runtime';
import type { GrowingFile, Volumes } from '#targets';
import type { RecordView } from '#wire';
import { encodeMarker, markerBytes } from './commit-marker.ts';
import { encodeFooter, entryOf, type FooterEntry } from './pack-footer.ts';
import { encodePackHeader, type PackClass, packHeaderBytes } from './pack-header.ts';
import { packName } from './pack-name.ts';

export interface NewPack {
  readonly volumes: Volumes;
  readonly number: number;
  readonly class: PackClass;
  readonly packId: PackId;
  readonly realmId: RealmId;
}

interface Group {
  readonly start: number;
  readonly hash: Hash;
  readonly entries: FooterEntry[];
}

/**
 * Writes one pack: write, mark, sync, again and again, then finish. While a sync is under way the next group's records
 * may be written, but not marked: so a crash can tear the last group only. After any failure it is to be abandoned.
 */
export class PackWriter {
  readonly number: number;
  readonly class: PackClass;
  readonly #volumes: Volumes;
  readonly #file: GrowingFile;
  readonly #packId: PackId;
  #unwrittenHeader: Uint8Array | undefined;
  #length = packHeaderBytes;
  #groups = 0;
  #group: Group | undefined;
  #markedBytes = 0;
  #markedEntries = 0;
  #durableBytes = 0;
  #durableEntries = 0;
  readonly #entries: FooterEntry[] = [];

  private constructor(pack: NewPack, file: GrowingFile) {
    this.number = pack.number;
    this.class = pack.class;
    this.#volumes = pack.volumes;
    this.#file = file;
    this.#packId = pack.packId;
    this.#unwrittenHeader = encodePackHeader(pack);
  }

  static async create(pack: NewPack): Promise<PackWriter> {
    return new PackWriter(pack, await pack.volumes.create(packName(pack.number, 'open')));
  }

  /** Bytes of the pack so far, durable or not. */
  get length(): number {
    return this.#length;
  }

  /** Bytes up to the end of the last durable group; 0 when there is none. */
  get durableBytes(): number {
    return this.#durableBytes;
  }

  /** Bytes of the file, footer and trailer included where they were written. */
  get fileBytes(): number {
    return this.#file.length;
  }

  /** Footer entries of the durable records. */
  durableEntries(): readonly FooterEntry[] {
    return this.#entries.slice(0, this.#durableEntries);
  }

  /** Writes records of the group that grows; returns the offset of each. */
  async write(records: readonly RecordView[]): Promise<number[]> {
    const group: Group = this.#group ?? { start: this.#length, hash: createHash('sha256'), entries: [] };
    this.#group = group;
    const header = this.#unwrittenHeader;
    this.#unwrittenHeader = undefined;
    const offsets: number[] = [];
    for (const record of records) {
      offsets.push(this.#length);
      group.hash.update(record.checksum);
      group.entries.push(entryOf(record, this.#length));
      this.#length += record.bytes.length;
    }
    const bytes = records.map((record) => record.bytes);
    await this.#file.append(header === undefined ? bytes : [header, ...bytes]);
    return offsets;
  }

  /** Ends the group. It counts once `sync` has resolved. */
  async mark(): Promise<void> {
    const group = this.#group;
    assert(group !== undefined, 'a group without records is not marked');
    this.#group = undefined;
    const marker = encodeMarker({
      packId: this.#packId,
      group: this.#groups,
      records: group.entries.length,
      start: group.start,
      length: this.#length - group.start,
      checksumsHash: group.hash.digest(),
    });
    this.#groups += 1;
    this.#length += markerBytes;
    await this.#file.append([marker]);
    for (const entry of group.entries) this.#entries.push(entry);
    [this.#markedBytes, this.#markedEntries] = [this.#length, this.#entries.length];
  }

  /** Resolves when every group that was marked before is durable. */
  async sync(): Promise<void> {
    const [bytes, entries] = [this.#markedBytes, this.#markedEntries];
    await this.#file.datasync();
    [this.#durableBytes, this.#durableEntries] = [bytes, entries];
  }

  /** Closes the pack: footer, trailer, sync, rename. Resolves with its bytes. Nothing may be under way. */
  async finish(): Promise<number> {
    assert(this.#group === undefined && this.#durableBytes === this.#length, 'a pack is closed after its last sync');
    await this.#file.append(encodeFooter(this.#entries, this.#length));
    await this.#file.datasync();
    await this.#file.close();
    await this.#volumes.rename(packName(this.number, 'open'), packName(this.number, 'pack'));
    return this.#file.length;
  }

  /** Lets go of the file as it lies. */
  async abandon(): Promise<void> {
    await this.#file.close();
  }
}
