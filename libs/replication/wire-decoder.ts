import { type ContentHash, childrenOf, type DomainId, type RecordId, splitIds } from '#model';
import { compressBody, type KeyBook, sealLeaf, sealNode, verifyRecord } from '#records';
import { equalBytes, isAppError, type Random, toHex } from '#runtime';
import { decodeNode, parseRecord, RecordKind, type RecordView, recordLimits, recordMaxBytes, sha256 } from '#wire';
import { ContentReader } from './content-reader.ts';
import { protocolViolation } from './errors.ts';
import { checkOf, contentsOf, decodeBodies, type PackedBody } from './packed-bodies.ts';
import { dictionaryIdsMax, dictionaryMaxBytes, packedRawMaxBytes } from './packed-limits.ts';
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
    const ids = splitIds('RecordId', dictionaryIds);
    if (rawLength > packedRawMaxBytes || ids.length > dictionaryIdsMax)
      throw protocolViolation('packed records beyond their limits');
    const contents = await reader.read(ids, dictionaryMaxBytes);
    const known = contents.filter((one) => one !== undefined);
    if (known.length < ids.length) return { lacking: sequence };
    const bodies = decodeBodies(sequence, await decompress(content, rawLength, dictionaryOf(known)));
    const named = bodies.map((body) => nameContents(keys, this.#domainId, body));
    if (!equalBytes(checkOf(named.flatMap(({ ids: of }) => of)), check))
      throw protocolViolation('packed records that are not what they were sent for');
    const records: ArrivedRecord[] = [];
    for (const one of named) records.push({ sequence: one.body.sequence, record: await this.#seal(keys, one) });
    return { records };
  }

  async #seal(keys: KeyBook, { body: { kind, body }, hashes }: Named): Promise<RecordView> {
    if (kind === RecordKind.node && countReferences(body) > recordLimits.references)
      throw protocolViolation('a packed node that refers to too much');
    const context = { keys, domainId: this.#domainId, random: this.#ports.random };
    const compressed = await compressBody(body);
    if (kind === RecordKind.leaf) return sealLeaf(context, hashes, compressed);
    return sealNode(context, hashes[0] as ContentHash, body, compressed);
  }
}

function countReferences(payload: Uint8Array): number {
  const { leafHashes, nodeHashes } = childrenOf(decodeNode(payload));
  return new Set(leafHashes.map(toHex)).size + new Set(nodeHashes.map(toHex)).size;
}

interface Named {
  readonly body: PackedBody;
  readonly hashes: readonly ContentHash[];
  readonly ids: readonly RecordId[];
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
