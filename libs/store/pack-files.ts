import { isAppError, toHex } from '#runtime';
import type { Volumes } from '#targets';
import { decodeFooter, decodeTrailer, type FooterEntry, trailerBytes } from './pack-footer.ts';
import { decodePackHeader, type PackHeader, packHeaderBytes } from './pack-header.ts';
import { type Place, placeKey } from './place.ts';
import { foreignPack } from './store-errors.ts';

/** Whose packs are taken: the realm's own, and those of realms it was. */
export type AcceptsRealm = (realm: string) => boolean;

export interface Footer {
  readonly footerOffset: number;
  readonly entries: readonly FooterEntry[];
}

/**
 * The header of the pack in file `name`; undefined when it is damaged or cannot be read. Throws `foreign_pack` and
 * `pack_too_new`.
 */
export async function readHeader(
  volumes: Volumes,
  name: string,
  acceptsRealm: AcceptsRealm,
): Promise<PackHeader | undefined> {
  const bytes = await readOrNothing(volumes, name, 0, packHeaderBytes);
  const header = decodePackHeader(bytes, name);
  if (header !== undefined && !acceptsRealm(toHex(header.realmId))) throw foreignPack(name, toHex(header.realmId));
  return header;
}

/** The footer of a closed pack of `packBytes`; undefined when it, or the trailer behind it, is damaged. */
export async function readFooter(volumes: Volumes, name: string, packBytes: number): Promise<Footer | undefined> {
  if (packBytes < packHeaderBytes + trailerBytes) return undefined;
  const tail = await readOrNothing(volumes, name, packBytes - trailerBytes, trailerBytes);
  const trailer = decodeTrailer(tail, packBytes);
  if (trailer === undefined) return undefined;
  const bytes = await readOrNothing(volumes, name, trailer.footerOffset, trailer.footerLength);
  const entries = decodeFooter(bytes, trailer, tail.subarray(0, trailerBytes / 2));
  return entries === undefined ? undefined : { footerOffset: trailer.footerOffset, entries };
}

/** What the index learns from footer entries, in their order. */
export function placesOf(pack: number, entries: Iterable<FooterEntry>): [key: string, place: Place][] {
  const places: [string, Place][] = [];
  for (const { offset, length, kind, domainId, ids } of entries) {
    for (const [position, id] of ids.entries()) {
      places.push([placeKey(domainId, id), { pack, offset, length, kind, position }]);
    }
  }
  return places;
}

/** Bytes that the device cannot read are damage, and none are here. */
async function readOrNothing(volumes: Volumes, name: string, offset: number, length: number): Promise<Uint8Array> {
  try {
    return await volumes.readAt(name, offset, length);
  } catch (error) {
    if (isAppError(error, 'volume_io_error')) return new Uint8Array(0);
    throw error;
  }
}
