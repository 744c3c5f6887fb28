import { toHex } from '#runtime';
import type { Volumes } from '#targets';
import type { RecordView } from '#wire';
import type { AcceptsRealm } from './pack-files.ts';
import { fileOf, type Pack, type PackTable } from './pack-table.ts';
import { placeKey } from './place.ts';
import type { Places } from './places.ts';
import { findingOf, isEndOf, lostAtEnd } from './scrub.ts';
import { type PackDamage, scrubPack } from './scrub-pack.ts';
import { packHoldsLostRecords } from './store-errors.ts';

/** Records in flight while a pack is copied: a group's worth, so that memory stays small. */
const windowBytes = 16 * 1024 * 1024;

export interface RepairContext {
  readonly volumes: Volumes;
  readonly table: PackTable;
  readonly places: Places;
  readonly acceptsRealm: AcceptsRealm;
  readonly append: (record: RecordView) => Promise<void>;
  readonly flush: () => Promise<void>;
  /** Unlinks the file of a pack that is out of the table, as soon as its number cannot come again. */
  readonly removeFile: (name: string, number: number) => Promise<void>;
}

export interface RepairReport {
  readonly copiedRecords: number;
  readonly copiedBytes: number;
}

/**
 * Replaces a pack by new ones that hold its good records, and removes it with its damage. Refuses
 * (`pack_holds_lost_records`) while an id that lay in the damage has no other place, or damage names no record, unless
 * the loss is accepted. A crash at any instruction leaves the old pack, or both, or the new ones.
 */
export async function repairPack(context: RepairContext, pack: Pack, acceptLoss: boolean): Promise<RepairReport> {
  const { volumes, table, places, acceptsRealm } = context;
  if (!acceptLoss) await refuseLoss(context, pack);
  const keys: string[] = [];
  let [copiedRecords, copiedBytes, inFlightBytes] = [0, 0, 0];
  const copies: Promise<void>[] = [];
  const copy = async (record: RecordView) => {
    for (const id of record.ids) keys.push(placeKey(record.domainId, id));
    copies.push(context.append(record));
    copiedRecords += 1;
    copiedBytes += record.bytes.length;
    inFlightBytes += record.bytes.length;
    if (inFlightBytes < windowBytes) return;
    await Promise.all([context.flush(), ...copies.splice(0)]);
    inFlightBytes = 0;
  };
  const lost: string[] = [];
  for await (const damage of scrubPack({ volumes, acceptsRealm }, pack, (item) => copy(item.record))) {
    const { domainId, ids } = damage;
    if (domainId !== undefined) for (const id of ids) lost.push(placeKey(domainId, id));
  }
  await Promise.all([context.flush(), ...copies]);
  // New records durable, then the old pack out of sight, then out of the index, then gone: a crash before the last step
  // costs disk space only, since a pack that the index does not cover is read again at the next start.
  await places.flush();
  table.remove(pack.number);
  await places.drop(pack.number, [...keys, ...lost]);
  await context.removeFile(fileOf(pack), pack.number);
  return { copiedRecords, copiedBytes };
}

async function refuseLoss({ volumes, places, acceptsRealm }: RepairContext, pack: Pack): Promise<void> {
  const lost: string[] = [];
  let unknownBytes = 0;
  let end: PackDamage | undefined;
  for await (const damage of scrubPack({ volumes, acceptsRealm }, pack)) {
    if (isEndOf(pack, damage)) end ??= damage;
    const { what, length, ids, missing } = await findingOf(places, damage);
    lost.push(...missing.map(toHex));
    if (ids.length === 0 && what === 'unreadable') unknownBytes += length;
  }
  const atEnd = end && (await lostAtEnd(places, end));
  lost.push(...(atEnd?.missing ?? []).map(toHex));
  if (lost.length > 0 || unknownBytes > 0) throw packHoldsLostRecords(pack.number, lost, unknownBytes);
}
