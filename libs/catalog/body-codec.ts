import { asId, type IncarnationId, type SiteId } from '#model';
import { concatBytes, isAppError } from '#runtime';
import { codecOf } from '#wire';
import { malformedCatalog } from './catalog-errors.ts';
import { type ClearPart, clearOf, entryOf, isOpenKind, partsOf } from './contents.ts';
import { type CatalogEntry, type EntryKind, kindNumbers } from './entries.ts';
import { bytesField, bytesView, countField, type Fields, messageField } from './fields.ts';
import { catalogLimits } from './limits.ts';
import type { BodySealer } from './ports.ts';

const bodyCodec = codecOf<Fields>('catalog.proto', 'sitepair.catalog.v1.Body');
const kindsByNumber = new Map(Object.entries(kindNumbers).map(([kind, number]) => [number, kind as EntryKind]));
const sealLabel = new Uint8Array(Buffer.from('sitepair catalog body v1\0', 'latin1'));
/** Sealed contents are filled up to a multiple of this, so that the length of a name does not show. */
const paddingBytes = 64;

/** Where a body stands: its seal holds nowhere else. */
export interface BodyPlace {
  readonly siteId: SiteId;
  readonly incarnationId: IncarnationId;
  readonly seq: number;
  readonly index: number;
}

/** What became of a body: its entry, or why there is none. The clear part is there in either case. */
export interface ReadBody {
  readonly kindNumber: number;
  readonly kind: EntryKind | undefined;
  readonly clear: ClearPart;
  readonly entry: CatalogEntry | undefined;
  readonly state: 'read' | 'sealed' | 'unknown' | 'malformed';
}

// The seal, its padding, ids and field headers.
const bodyEnvelopeBytes = 512;

/** Refuses an entry that nobody could read back: `bad_name`, `catalog_malformed`, `malformed_id`. */
export function checkEntry(entry: CatalogEntry): void {
  const { clear, open, secret } = partsOf(entry);
  const whole: ClearPart = { ...clearOf(undefined), ...clear };
  entryOf(entry.kind, whole, open ?? secret ?? new Uint8Array(0), open === undefined ? undefined : secret);
  const length = (open?.length ?? 0) + (secret?.length ?? 0) + bodyEnvelopeBytes;
  if (length > catalogLimits.bodyBytes) throw malformedCatalog(`an entry of kind ${entry.kind} is too large`);
}

/** Encodes a checked entry for its place; where the sealer has no key, its content goes open, names of members not at all. */
export function encodeBody(entry: CatalogEntry, place: BodyPlace, sealer: BodySealer): Uint8Array {
  const kind = kindNumbers[entry.kind];
  const { clear, open, secret } = partsOf(entry);
  const sealed = secret === undefined ? undefined : sealer.seal(padded(secret), sealContext(place, kind));
  return bodyCodec.encode({ kind, clear, open: open ?? (sealed === undefined ? secret : undefined), sealed });
}

/** Reads a body; never throws for what is in it. */
export function readBody(bytes: Uint8Array, place: BodyPlace, sealer: BodySealer): ReadBody {
  let clear: ClearPart = clearOf(undefined);
  let kindNumber = 0;
  try {
    const fields = bodyCodec.decode(bytes);
    kindNumber = countField(fields, 'kind');
    clear = clearOf(messageField(fields, 'clear'));
    const kind = kindsByNumber.get(kindNumber);
    if (kind === undefined) return { kindNumber, kind, clear, entry: undefined, state: 'unknown' };
    const secret = openSecret(messageField(fields, 'sealed'), place, kindNumber, sealer);
    const open = bytesView(fields, 'open');
    const content = isOpenKind(kind) ? open : (secret ?? (open.length > 0 ? open : undefined));
    if (content === undefined) return { kindNumber, kind, clear, entry: undefined, state: 'sealed' };
    return { kindNumber, kind, clear, entry: entryOf(kind, clear, content, secret), state: 'read' };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { kindNumber, kind: undefined, clear, entry: undefined, state: 'malformed' };
  }
}

function openSecret(
  sealed: Fields | undefined,
  place: BodyPlace,
  kind: number,
  sealer: BodySealer,
): Uint8Array | undefined {
  if (sealed === undefined) return undefined;
  const body = {
    keyId: asId('KeyId', bytesField(sealed, 'keyId')),
    nonce: bytesField(sealed, 'nonce', 24),
    sealed: bytesView(sealed, 'sealed'),
  };
  const plain = sealer.open(body, sealContext(place, kind));
  return plain === undefined ? undefined : unpadded(plain);
}

/** The associated data: CATALOG.md section 4. */
function sealContext(place: BodyPlace, kind: number): Uint8Array {
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64LE(BigInt(place.seq), 0);
  numbers.writeUInt32LE(place.index, 8);
  numbers.writeUInt32LE(kind, 12);
  return concatBytes([sealLabel, place.siteId, place.incarnationId, numbers]);
}

function padded(content: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(Math.ceil((4 + content.length) / paddingBytes) * paddingBytes);
  bytes.writeUInt32LE(content.length, 0);
  bytes.set(content, 4);
  return bytes;
}

function unpadded(plain: Uint8Array): Uint8Array {
  const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
  const length = plain.length >= 4 ? view.getUint32(0, true) : Number.POSITIVE_INFINITY;
  if (4 + length > plain.length) throw malformedCatalog('a sealed content without its length');
  return plain.subarray(4, 4 + length);
}
