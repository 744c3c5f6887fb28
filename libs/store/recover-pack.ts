import type { PackId } from '#model';
import type { Volumes } from '#targets';
import { sha256Of } from '#wire';
import { encodeMarker } from './commit-marker.ts';
import { type DamagedPiece, splitDamage } from './damage.ts';
import { encodeFooter, entryOf, type FooterEntry } from './pack-footer.ts';
import { type PackHeader, packHeaderBytes } from './pack-header.ts';
import { packName } from './pack-name.ts';
import { walkPack } from './pack-walk.ts';
import { type ByteRange, PackWindow } from './pack-window.ts';

/** What a walk through a pack without a footer found. */
export interface Salvage {
  readonly packId: PackId | undefined;
  /** Every record that checks, in order, up to `keepBytes`. */
  readonly entries: readonly FooterEntry[];
  /** Where the pack is to be cut: behind it lies nothing that was acknowledged. */
  readonly keepBytes: number;
  /** Records at the end whose marker is missing or damaged: their group needs a new one. */
  readonly unmarked: readonly FooterEntry[];
  readonly groups: number;
  readonly damage: readonly SalvageDamage[];
  /**
   * All damage is in the last group, and a sector of that was never written: a power cut came before the sync that would
   * have made it count, so nobody was told of it.
   */
  readonly isTorn: boolean;
}

export interface SalvageDamage extends DamagedPiece {
  /** In the last group of an open pack: a power cut may have torn it before it was acknowledged. */
  readonly maybeTorn: boolean;
}

/**
 * Walks a pack that has no footer. Kept is every record that checks in a group with a valid marker; and behind the last
 * valid marker, the records that follow one another and check: it may be the marker alone that is damaged, and one
 * flipped bit costs no acknowledged record.
 */
export async function salvagePack(
  volumes: Volumes,
  name: string,
  bytes: number,
  header: PackHeader | undefined,
): Promise<Salvage> {
  const window = new PackWindow(volumes, name, bytes);
  const committed: FooterEntry[] = [];
  let packId = header?.packId;
  let [committedBytes, lastStart, groups] = [0, 0, 0];
  let tail: FooterEntry[] = [];
  let [holes, tailHoles]: [ByteRange[], ByteRange[]] = [[], []];
  for await (const item of walkPack(window, packHeaderBytes, bytes, packId)) {
    if (item.what === 'record') tail.push(entryOf(item.record, item.offset));
    else if (item.what === 'damage') tailHoles.push(item);
    else {
      packId ??= item.marker.packId;
      for (const entry of tail) committed.push(entry);
      [committedBytes, lastStart, groups] = [item.offset + item.length, item.marker.start, item.marker.group + 1];
      holes = [...holes, ...tailHoles];
      [tail, tailHoles] = [[], []];
    }
  }
  const unmarked = contiguous(tail, Math.max(committedBytes, packHeaderBytes));
  const last = unmarked.at(-1);
  const damage: SalvageDamage[] = [];
  for (const hole of holes) {
    const pieces = await splitDamage(window, hole, undefined);
    damage.push(...pieces.map((piece) => ({ ...piece, maybeTorn: piece.offset >= lastStart })));
  }
  return {
    packId,
    entries: [...committed, ...unmarked],
    keepBytes: last === undefined ? committedBytes : last.offset + last.length,
    unmarked,
    groups,
    damage,
    isTorn:
      damage.every(({ maybeTorn }) => maybeTorn) &&
      (header !== undefined || groups === 1) &&
      (damage.length > 0 || header === undefined) &&
      (await lacksSector(window, groups === 1 ? 0 : lastStart, committedBytes)) &&
      // A sector that the device cannot read comes as zeros, too.
      window.unreadable.length === 0,
  };
}

/** What a disk writes whole or not at all. */
const sectorBytes = 512;

/** True when the part of a range that lies in one sector is all zeros: sealed bytes never are, unwritten ones always. */
async function lacksSector(window: PackWindow, from: number, to: number): Promise<boolean> {
  for (let at = from; at < to; ) {
    const end = Math.min(to, at - (at % sectorBytes) + sectorBytes);
    if ((await window.bytes(at, end - at)).every((byte) => byte === 0)) return true;
    at = end;
  }
  return false;
}

/** Cuts an open pack behind what was salvaged and closes it: marker if one is missing, footer, trailer, new name. */
export async function closeSalvaged(volumes: Volumes, number: number, salvage: Salvage): Promise<number> {
  const name = packName(number, 'open');
  const file = await volumes.reopen(name, salvage.keepBytes);
  try {
    const marker = missingMarker(salvage);
    const footerOffset = salvage.keepBytes + marker.length;
    await file.append([marker, ...encodeFooter(salvage.entries, footerOffset)]);
    await file.datasync();
  } finally {
    await file.close();
  }
  await volumes.rename(name, packName(number, 'pack'));
  return file.length;
}

function missingMarker(salvage: Salvage): Uint8Array {
  const [first] = salvage.unmarked;
  if (first === undefined || salvage.packId === undefined) return new Uint8Array(0);
  return encodeMarker({
    packId: salvage.packId,
    group: salvage.groups,
    records: salvage.unmarked.length,
    start: first.offset,
    length: salvage.keepBytes - first.offset,
    checksumsHash: sha256Of(salvage.unmarked.map((entry) => entry.checksum)),
  });
}

function contiguous(entries: readonly FooterEntry[], from: number): FooterEntry[] {
  let end = from;
  const kept: FooterEntry[] = [];
  for (const entry of entries) {
    if (entry.offset !== end) break;
    kept.push(entry);
    end = entry.offset + entry.length;
  }
  return kept;
}
