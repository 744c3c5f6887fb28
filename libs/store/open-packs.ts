import { isAppError, toHex } from '#runtime';
import type { VolumeFile, Volumes } from '#targets';
import { type AcceptsRealm, placesOf, readFooter, readHeader } from './pack-files.ts';
import type { FooterEntry } from './pack-footer.ts';
import { classOf, PackClass, type PackHeader, packHeaderBytes } from './pack-header.ts';
import { type PackSuffix, packName, parsePackName } from './pack-name.ts';
import type { Pack, PackTable } from './pack-table.ts';
import type { Places } from './places.ts';
import { closeSalvaged, type Salvage, salvagePack } from './recover-pack.ts';
import type { OnNotice } from './store-errors.ts';

export interface OpenPacksContext {
  readonly volumes: Volumes;
  readonly table: PackTable;
  readonly places: Places;
  readonly acceptsRealm: AcceptsRealm;
  readonly onNotice: OnNotice;
}

interface PackFile {
  readonly number: number;
  readonly suffix: PackSuffix;
  readonly name: string;
  readonly bytes: number;
}

/** Packs that a crash left and that are not to stay, by number. */
export interface LeftPacks {
  /** `.open` files that hold nothing. */
  readonly empty: readonly number[];
  /** In the table, readable; to be replaced by their good records. */
  readonly torn: readonly number[];
}

/**
 * Fills the table with the packs that are there and brings the index up to them: packs it covers are taken as they are,
 * the others are read, and those that a crash left open are closed, but for those that are empty or torn.
 */
export async function openPacks(context: OpenPacksContext): Promise<LeftPacks> {
  const { table, places } = context;
  const files = packFiles(await context.volumes.list(), context.onNotice);
  const covered = new Map(places.index.covered().map((pack) => [pack.number, pack]));
  const unread: PackFile[] = [];
  for (const file of files) {
    const known = covered.get(file.number);
    if (known !== undefined && file.suffix === 'pack' && known.bytes === file.bytes) {
      table.add({ ...known, state: 'closed' });
    } else unread.push(file);
  }
  // In the order they were written, since of two places of one id the later one counts.
  const left = { empty: [] as number[], torn: [] as number[] };
  for (const file of unread) {
    if (file.suffix === 'pack') await readClosed(context, file);
    else {
      const state = await readOpen(context, file);
      if (state !== 'closed') left[state].push(file.number);
    }
    table.reserve(file.number);
  }
  await dropMissing(context, covered.keys());
  await places.flush();
  return left;
}

/** Reads a closed pack into the table and the index; also after the index was lost. */
async function readClosed(context: OpenPacksContext, file: PackFile): Promise<void> {
  const { volumes, table, places, onNotice } = context;
  const header = await readHeader(volumes, file.name, context.acceptsRealm);
  const entries = await closedEntries(volumes, file.name, file.bytes, header);
  if (header === undefined || !entries.whole) {
    const what = header === undefined ? 'header' : 'footer';
    const details = { pack: file.number, what };
    onNotice({ code: 'pack_damaged', message: `the ${what} of pack ${file.number} is damaged`, details });
  }
  const pack: Pack = {
    number: file.number,
    class: classFrom(header, entries.entries),
    state: 'closed',
    bytes: file.bytes,
    records: entries.entries.length,
  };
  table.add(pack);
  await places.adopt(placesOf(file.number, entries.entries));
  places.cover(pack);
}

/** The records of a closed pack from its footer, or where that is damaged by walking through it. */
export async function closedEntries(
  volumes: Volumes,
  name: string,
  bytes: number,
  header: PackHeader | undefined,
): Promise<{ readonly entries: readonly FooterEntry[]; readonly whole: boolean }> {
  const footer = await readFooter(volumes, name, bytes);
  if (footer !== undefined) return { entries: footer.entries, whole: true };
  return { entries: (await salvagePack(volumes, name, bytes, header)).entries, whole: false };
}

/** Reads a pack that was left open, and closes it unless it holds nothing or its end is torn. */
async function readOpen(context: OpenPacksContext, file: PackFile): Promise<'closed' | 'empty' | 'torn'> {
  const { volumes, table, places, onNotice } = context;
  const header = await readHeader(volumes, file.name, context.acceptsRealm);
  const salvage = await salvagePack(volumes, file.name, file.bytes, header);
  if (salvage.keepBytes === 0) return (await mustStay(context, file, header)) ? 'closed' : 'empty';
  if (!salvage.isTorn) reportDamage(file.number, salvage, header, onNotice);
  const pack: Pack = {
    number: file.number,
    class: classFrom(header, salvage.entries),
    state: 'left',
    bytes: salvage.keepBytes,
    records: salvage.entries.length,
  };
  table.add(pack);
  if (salvage.isTorn) {
    await places.adopt(placesOf(file.number, salvage.entries));
    return 'torn';
  }
  try {
    pack.bytes = await closeSalvaged(volumes, file.number, salvage);
    pack.state = 'closed';
  } catch (error) {
    if (!isAppError(error)) throw error;
    const details = { pack: file.number, cause: error.message };
    const message = `pack ${file.number} could not be closed; its records are there, the next start tries again`;
    onNotice({ code: 'pack_left_open', message, details });
  }
  await places.adopt(placesOf(file.number, salvage.entries));
  if (pack.state === 'closed') places.cover(pack);
  return 'closed';
}

/** A file without any record is ours to remove, unless its beginning is neither a header nor unwritten. */
async function mustStay(
  { volumes, onNotice }: OpenPacksContext,
  file: PackFile,
  header: PackHeader | undefined,
): Promise<boolean> {
  if (header !== undefined || file.bytes < packHeaderBytes) return false;
  const start = await volumes.readAt(file.name, 0, packHeaderBytes);
  if (start.every((byte) => byte === 0)) return false;
  const message = `${file.name} is not a pack that this version can read; it is left where it is`;
  onNotice({ code: 'pack_unreadable', message, details: { name: file.name } });
  return true;
}

function reportDamage(pack: number, salvage: Salvage, header: PackHeader | undefined, onNotice: OnNotice): void {
  if (header === undefined) {
    const details = { pack, what: 'header', offset: 0, length: packHeaderBytes };
    onNotice({ code: 'pack_damaged', message: `the header of pack ${pack} is damaged`, details });
  }
  for (const { what, offset, length, ids, maybeTorn } of salvage.damage) {
    const message = maybeTorn
      ? `pack ${pack} holds a damaged ${what} at ${offset}, perhaps torn by the crash before it was acknowledged`
      : `pack ${pack} holds a damaged ${what} at ${offset}`;
    const details = { pack, what, offset, length, ids: ids.map(toHex), maybeTorn };
    onNotice({ code: 'pack_damaged', message, details });
  }
}

/** Packs that the index knows and that are gone: somebody removed them, or the disk lost them. */
async function dropMissing({ table, places, onNotice }: OpenPacksContext, known: Iterable<number>): Promise<void> {
  for (const number of known) {
    table.reserve(number);
    if (table.has(number)) continue;
    const message = `pack ${number} is gone; what was in it counts as missing until it is fetched again`;
    onNotice({ code: 'pack_missing', message, details: { pack: number } });
    await places.forget(number);
  }
}

function packFiles(files: readonly VolumeFile[], onNotice: OnNotice): PackFile[] {
  const packs = new Map<number, PackFile>();
  for (const { name, bytes } of files) {
    const parsed = parsePackName(name);
    if (parsed === undefined) continue;
    const other = packs.get(parsed.number);
    if (other !== undefined) {
      const ignored = packName(parsed.number, 'open');
      const message = `${ignored} is ignored: there is a closed pack of that number`;
      onNotice({ code: 'pack_unreadable', message, details: { name: ignored } });
    }
    if (other === undefined || parsed.suffix === 'pack') packs.set(parsed.number, { ...parsed, name, bytes });
  }
  return [...packs.values()].sort((a, b) => a.number - b.number);
}

function classFrom(header: PackHeader | undefined, entries: readonly FooterEntry[]): PackClass {
  const [first] = entries;
  return header?.class ?? (first === undefined ? PackClass.leaves : classOf(first.kind));
}
