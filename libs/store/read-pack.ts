import { AppError, equalBytes } from '#runtime';
import { parseRecord, type RecordView } from '#wire';
import { decodeFooter, decodeTrailer, type FooterEntry, trailerBytes } from './pack-footer.ts';
import { decodePackHeader, packHeaderBytes } from './pack-header.ts';

const half = trailerBytes / 2;

/**
 * What the footer of a closed pack of `packBytes` lists, read through `read(offset, length)`; undefined when header,
 * footer or trailer is damaged. Throws `pack_too_new`. `name` is for that message.
 */
export async function packEntries(
  name: string,
  packBytes: number,
  read: (offset: number, length: number) => Promise<Uint8Array>,
): Promise<readonly FooterEntry[] | undefined> {
  if (packBytes < packHeaderBytes + trailerBytes) return undefined;
  if (decodePackHeader(await read(0, packHeaderBytes), name) === undefined) return undefined;
  const tail = await read(packBytes - trailerBytes, trailerBytes);
  const trailer = decodeTrailer(tail, packBytes);
  if (trailer === undefined) return undefined;
  return decodeFooter(await read(trailer.footerOffset, trailer.footerLength), trailer, tail.subarray(0, half));
}

/** The record of an entry, in the bytes of its whole pack. Throws `record_damaged`, `pack_altered`. */
export function recordIn(pack: Uint8Array, { offset, length, checksum }: FooterEntry): RecordView {
  const record = parseRecord(pack.subarray(offset, offset + length));
  if (equalBytes(record.checksum, checksum)) return record;
  throw new AppError('a pack lists another record than it holds', {
    code: 'pack_altered',
    advice: 'Get this pack again from where it came.',
  });
}
