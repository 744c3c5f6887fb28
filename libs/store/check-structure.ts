import { equalBytes } from '#runtime';
import type { Volumes } from '#targets';
import { sha256Of } from '#wire';
import { decodeMarker, markerBytes } from './commit-marker.ts';
import { type AcceptsRealm, type Footer, placesOf, readFooter, readHeader } from './pack-files.ts';
import type { FooterEntry } from './pack-footer.ts';
import { type PackHeader, packHeaderBytes } from './pack-header.ts';
import { parsePackName } from './pack-name.ts';
import { fileOf, type Pack, type PackTable } from './pack-table.ts';
import { samePlace } from './place.ts';
import type { Places } from './places.ts';

/** Files that lie beside the packs by right (FORMAT.md section 7); `.new` is what a crash leaves of their writing. */
const besidePacks = new Set(['store.json', 'store.json.new', 'keyring.sealed', 'keyring.sealed.new']);

export interface StructureFinding {
  readonly what: 'header' | 'marker' | 'footer' | 'index' | 'orphan' | 'missing';
  readonly name: string;
  readonly pack?: number;
  readonly offset?: number;
  readonly message: string;
}

export interface CheckContext {
  readonly volumes: Volumes;
  readonly table: PackTable;
  readonly places: Places;
  readonly acceptsRealm: AcceptsRealm;
  /** True of a file outside the table that is here by right. */
  readonly accountsFor: (name: string) => boolean;
}

/**
 * Checks how everything fits together without reading the records: headers, markers against footers, footers against the
 * index, files against the table. Packs without a footer are left to scrub.
 */
export async function* checkStructure(context: CheckContext): AsyncGenerator<StructureFinding> {
  const { volumes, table } = context;
  const files = new Map((await volumes.list()).map(({ name, bytes }) => [name, bytes]));
  for (const pack of table.inOrder()) {
    if (pack.state === 'growing') continue;
    const name = fileOf(pack);
    const bytes = files.get(name);
    if (bytes === undefined) yield { what: 'missing', name, pack: pack.number, message: 'the file is gone' };
    else if (pack.state === 'left') {
      // A full disk, say, ended it in the middle: what is durable counts, and the next start closes it. That is no damage.
      if (bytes < pack.bytes)
        yield { what: 'footer', name, pack: pack.number, message: 'it is shorter than what was acknowledged in it' };
    } else yield* checkClosed(context, pack, bytes);
  }
  for (const name of files.keys()) {
    const number = parsePackName(name)?.number;
    const pack = number === undefined ? undefined : table.get(number);
    if (besidePacks.has(name) || (pack !== undefined && fileOf(pack) === name)) continue;
    if (context.accountsFor(name)) continue;
    yield { what: 'orphan', name, message: 'no part of this store' };
  }
}

async function* checkClosed(context: CheckContext, pack: Pack, bytes: number): AsyncGenerator<StructureFinding> {
  const name = fileOf(pack);
  const of = { name, pack: pack.number };
  const header = await readHeader(context.volumes, name, context.acceptsRealm);
  if (header === undefined) yield { what: 'header', ...of, offset: 0, message: 'the header is damaged' };
  const footer = await readFooter(context.volumes, name, bytes);
  if (footer === undefined) {
    yield { what: 'footer', ...of, message: 'the footer is damaged: scrub tells which records are good' };
    return;
  }
  for await (const offset of badMarkers(context.volumes, name, footer, header)) {
    yield { what: 'marker', ...of, offset, message: 'no marker that fits the records before it' };
  }
  const lacking = await lackingInIndex(context.places, pack.number, footer.entries);
  if (lacking > 0) {
    yield { what: 'index', ...of, message: `${lacking} ids are not in the index: run "sitepair store reindex"` };
  }
}

/** Between the records that a footer lists lie the markers: each is checked against the checksums before it. */
async function* badMarkers(
  volumes: Volumes,
  name: string,
  footer: Footer,
  header: PackHeader | undefined,
): AsyncGenerator<number> {
  let group: FooterEntry[] = [];
  let at = packHeaderBytes;
  const sorted = [...footer.entries].sort((a, b) => a.offset - b.offset);
  for (const entry of [...sorted, undefined]) {
    const next = entry?.offset ?? footer.footerOffset;
    if (next !== at || entry === undefined) {
      const [first] = group;
      if (at + markerBytes === next && first !== undefined) {
        const marker = decodeMarker(await volumes.readAt(name, at, markerBytes), at, header?.packId);
        const hash = sha256Of(group.map(({ checksum }) => checksum));
        if (marker?.start !== first.offset || !equalBytes(marker.checksumsHash, hash)) yield at;
      } else yield at;
      group = [];
    }
    if (entry === undefined) return;
    group.push(entry);
    at = entry.offset + entry.length;
  }
}

async function lackingInIndex(places: Places, pack: number, entries: readonly FooterEntry[]): Promise<number> {
  const expected = placesOf(pack, entries);
  const found = await places.lookup(expected.map(([key]) => key));
  // A place elsewhere is as good: the id was stored twice.
  return expected.filter(([, place], i) => {
    const other = found[i];
    return other === undefined || (other.pack === pack && !samePlace(other, place) && other.offset < place.offset);
  }).length;
}
