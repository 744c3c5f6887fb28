import type { DomainId, RecordId } from '#model';
import { equalBytes } from '#runtime';
import type { Volumes } from '#targets';
import { sha256Of } from '#wire';
import type { CommitMarker } from './commit-marker.ts';
import { splitDamage } from './damage.ts';
import { type AcceptsRealm, readFooter, readHeader } from './pack-files.ts';
import type { FooterEntry } from './pack-footer.ts';
import { packHeaderBytes } from './pack-header.ts';
import { fileOf, type Pack } from './pack-table.ts';
import { type WalkItem, walkPack } from './pack-walk.ts';
import { type ByteRange, PackWindow } from './pack-window.ts';

/** Bytes of a pack that are not what was written. */
export interface PackDamage extends ByteRange {
  readonly pack: number;
  /** `unreadable`: nothing tells what lay there. */
  readonly what: 'header' | 'record' | 'marker' | 'footer' | 'unreadable';
  readonly domainId?: DomainId;
  /** Of a damaged record, as its footer or header names them; empty when neither does. */
  readonly ids: readonly RecordId[];
}

export interface ScrubPackContext {
  readonly volumes: Volumes;
  readonly acceptsRealm: AcceptsRealm;
  /** Awaited before each read, with its length. */
  readonly onRead?: (bytes: number) => Promise<void>;
}

/**
 * Reads every byte of a pack and yields all that is not as it was written; of a pack that grows, as far as it is
 * durable. `onRecord` gets each record that checks.
 */
export async function* scrubPack(
  context: ScrubPackContext,
  pack: Pack,
  onRecord?: (item: Extract<WalkItem, { what: 'record' }>) => Promise<void>,
): AsyncGenerator<PackDamage> {
  const { volumes } = context;
  const bytes = pack.bytes;
  const name = fileOf(pack);
  const closed = pack.state === 'closed';
  const found = (what: PackDamage['what'], { offset, length }: ByteRange): PackDamage => ({
    pack: pack.number,
    what,
    offset,
    length,
    ids: [],
  });
  const header = await readHeader(volumes, name, context.acceptsRealm);
  if (header === undefined) yield found('header', { offset: 0, length: packHeaderBytes });
  const footer = closed ? await readFooter(volumes, name, bytes) : undefined;
  const end = footer?.footerOffset ?? bytes;
  const window = new PackWindow(volumes, name, bytes, context.onRead);
  const group = new GroupCheck();
  const listed = new Map(footer?.entries.map((entry) => [entry.offset, entry]));
  let footerSeen = footer !== undefined;
  for await (const item of walkPack(window, packHeaderBytes, end, header?.packId)) {
    const isFooter = footer === undefined && closed && item.what === 'damage' && item.offset + item.length === end;
    if (item.what === 'record') {
      group.add(item.offset, item.record.checksum);
      if (footer !== undefined && !lists(listed.get(item.offset), item)) yield found('footer', item);
      listed.delete(item.offset);
      await onRecord?.(item);
    } else if (item.what === 'marker') {
      if (!group.fits(item.marker)) yield found('marker', item);
    } else {
      const pieces = await splitDamage(window, item, footer?.entries);
      for (const piece of pieces) {
        listed.delete(piece.offset);
        if (piece.what !== 'marker') group.addDamage(piece.offset);
        const last = isFooter && piece === pieces.at(-1) && piece.what !== 'record';
        yield last ? found('footer', piece) : { ...piece, pack: pack.number };
      }
      footerSeen ||= isFooter;
    }
  }
  // A footer that was cut off cleanly leaves no damage behind it.
  if (closed && !footerSeen) yield found('footer', { offset: end, length: 0 });
  for (const entry of listed.values()) yield found('footer', entry);
}

function lists(entry: FooterEntry | undefined, item: Extract<WalkItem, { what: 'record' }>): boolean {
  return entry !== undefined && entry.length === item.length && equalBytes(entry.checksum, item.record.checksum);
}

/** Whether a marker speaks of the records that were seen; of a group with damage only what is known is held against it. */
class GroupCheck {
  #checksums: { readonly offset: number; readonly checksum: Uint8Array | undefined }[] = [];

  add(offset: number, checksum: Uint8Array): void {
    this.#checksums.push({ offset, checksum: new Uint8Array(checksum) });
  }

  addDamage(offset: number): void {
    this.#checksums.push({ offset, checksum: undefined });
  }

  fits(marker: CommitMarker): boolean {
    const seen = this.#checksums.filter(({ offset }) => offset >= marker.start);
    this.#checksums = [];
    const known = seen.flatMap(({ checksum }) => (checksum === undefined ? [] : [checksum]));
    if (known.length !== seen.length) return known.length <= marker.records;
    return known.length === marker.records && equalBytes(sha256Of(known), marker.checksumsHash);
  }
}
