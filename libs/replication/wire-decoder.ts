import { padmeLength, sealTagBytes } from '#keys';
import { type ContentHash, type DomainId, idLengths, type RecordId, splitIds } from '#model';
import { compressBody, type KeyBook, sealLeaf, sealNode, verifyRecord } from '#records';
import { equalBytes, isAppError, type Random } from '#runtime';
import { parseRecord, RecordKind, type RecordView, recordLimits, recordMaxBytes, sha256 } from '#wire';
import { ContentReader } from './content-reader.ts';
import { protocolViolation } from './errors.ts';
import { checkOf, contentsOf, decodeBodies, type PackedBody } from './packed-bodies.ts';
import { dictionaryIdsMax, dictionaryMaxBytes, packedContentsMax, packedRawMaxBytes } from './packed-limits.ts';
import type { RecordStore } from './ports.ts';
import { type PackedRecords, parseWireMessage } from './wire-message.ts';
import { decompressWith, dictionaryOf } from './zstd-dictionary.ts';

export interface ArrivedRecord {
  readonly sequence: number;
  readonly record: RecordView;
}

/** Records, proved good; or the number of a message whose dictionary is not good here. */
export type Decoded = { readonly records: readonly ArrivedRecord[] } | { readonly lacking: number };

export interface WireDecoderPorts {
  readonly store: RecordStore;
  /** Undefined at a blind peer: it takes whole records only. */
  readonly keys: KeyBook | undefined;
  readonly random: Random;
}

/**
 * Takes apart what comes on "records". A whole record is checked as PROTOCOL.md section 4 says. Packed ones are
 * decompressed within their limits with what is stored here as dictionary, named by what they hold, compared with the
 * names that the sender meant, and sealed here. Whatever does not fit throws `protocol_violation`, and nothing of it is kept.
 */
export class WireDecoder {
  readonly #domainId: DomainId;
  readonly #ports: WireDecoderPorts;
  readonly #reader: ContentReader | undefined;

  constructor(domainId: DomainId, ports: WireDecoderPorts) {
    this.#domainId = domainId;
    this.#ports = ports;
    if (ports.keys?.hasDomain(domainId)) this.#reader = new ContentReader(ports.store, ports.keys, domainId);
  }

  /** True when packed records can be opened here. */
  get opensPacked(): boolean {
    return this.#reader !== undefined;
  }

  async decode(message: Uint8Array): Promise<Decoded> {
    const { keys } = this.#ports;
    const parsed = parseWireMessage(message);
    if (parsed.kind === 'packed') {
      if (keys === undefined || this.#reader === undefined)
        throw protocolViolation('packed records without being asked');
      return this.#unpack(keys, this.#reader, parsed.sequence, parsed.packed);
    }
    if (parsed.record.length > recordMaxBytes) throw protocolViolation('a record of impossible size');
    const record = parseRecord(parsed.record);
    if (!equalBytes(record.domainId, this.#domainId)) throw protocolViolation('a record of another domain');
    if (keys !== undefined) verifyRecord(keys, record);
    return { records: [{ sequence: parsed.sequence, record }] };
  }

  async #unpack(keys: KeyBook, reader: ContentReader, sequence: number, packed: PackedRecords): Promise<Decoded> {
    const { rawLength, check, dictionaryIds, content } = packed;
    if (rawLength > packedRawMaxBytes || dictionaryIds.length > dictionaryIdsMax * idLengths.RecordId)
      throw protocolViolation('packed records beyond their limits');
    const ids = splitIds('RecordId', dictionaryIds);
    const contents = await reader.read(ids, dictionaryMaxBytes);
    const known = contents.filter((one) => one !== undefined);
    if (known.length < ids.length) return { lacking: sequence };
    const bodies = decodeBodies(sequence, await decompress(content, rawLength, dictionaryOf(known)));
    const named = nameBodies(keys, this.#domainId, bodies);
    if (!equalBytes(checkOf(named.flatMap(({ ids: of }) => of)), check))
      throw protocolViolation('packed records that are not what they were sent for');
    const records: ArrivedRecord[] = [];
    for (const one of named) records.push({ sequence: one.body.sequence, record: await this.#seal(keys, one) });
    return { records };
  }

  async #seal(keys: KeyBook, { body: { kind, body }, hashes }: Named): Promise<RecordView> {
    const context = { keys, domainId: this.#domainId, random: this.#ports.random };
    const compressed = await compressBody(body);
    // A frame that hardly shrinks may be as long as a frame can be, and yet not fit into a record with its padding.
    if (padmeLength(sealedPrefixBytes + compressed.body.length) + sealTagBytes > recordLimits.sealedMax)
      throw protocolViolation('a packed record of impossible size');
    if (kind === RecordKind.leaf) return sealLeaf(context, hashes, compressed);
    // A payload of 2 MiB has no room for more hashes than a record has for references.
    return sealNode(context, hashes[0] as ContentHash, body, compressed);
  }
}

interface Named {
  readonly body: PackedBody;
  readonly hashes: readonly ContentHash[];
  readonly ids: readonly RecordId[];
}

/** Method and length within a seal: FORMAT.md section 2. */
const sealedPrefixBytes = 5;

function nameBodies(keys: KeyBook, domainId: DomainId, bodies: readonly PackedBody[]): Named[] {
  let contents = 0;
  return bodies.map((body) => {
    const named = nameContents(keys, domainId, body);
    contents += named.ids.length;
    if (contents > packedContentsMax) throw protocolViolation('too many packed contents');
    return named;
  });
}

function nameContents(keys: KeyBook, domainId: DomainId, body: PackedBody): Named {
  try {
    const hashes = contentsOf(body).map((content) => sha256(content) as ContentHash);
    const kind = body.kind === RecordKind.leaf ? 'leaf' : 'node';
    return { body, hashes, ids: keys.namer(domainId).nameAll(kind, hashes) };
  } catch (cause) {
    // What is whole says so of itself that it is damaged: the disk's fault. This was just made from the sender's words.
    if (isAppError(cause, 'record_damaged')) throw protocolViolation('a packed frame that is none', cause);
    throw cause;
  }
}

async function decompress(content: Uint8Array, rawLength: number, dictionary?: Uint8Array): Promise<Uint8Array> {
  let raw: Uint8Array;
  try {
    raw = await decompressWith(content, rawLength, dictionary);
  } catch (cause) {
    throw protocolViolation('packed records that do not decompress', cause);
  }
  if (raw.length !== rawLength) throw protocolViolation('packed records of another length than they say');
  return raw;
}
