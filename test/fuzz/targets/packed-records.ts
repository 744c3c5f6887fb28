import assert from 'node:assert/strict';
import { zstdCompressSync } from 'node:zlib';
import type { ContentHash, RecordId } from '#model';
import { decompressBody, verifyRecord } from '#records';
import {
  checkOf,
  contentsOf,
  decodeBodies,
  encodeBodies,
  type PackedBody,
  type PackedRecords,
  packedMessage,
  WireDecoder,
} from '#replication';
import { frameRawMaxBytes, parseRecord, RecordKind, sha256 } from '#wire';
import { SeededRandom } from '../seeded-random.ts';
import { bytesTarget, type Target } from '../target.ts';
import type { World } from '../world.ts';

const first = 7;
const none = new Uint8Array(0);
const noRecords: PackedRecords = { rawLength: 0, check: none, dictionaryIds: none, content: none };
/** Lowest sequence number and mark, which stand before the protobuf message. */
const headBytes = 9;
const head = packedMessage(first, noRecords).subarray(0, headBytes);
/** What it may say that it expands to, its dictionary, and a piece for zlib: whatever the message's own length. */
const allocationMax = 2 * 8 * 1024 * 1024 + 1024 * 1024;
/** The shortest body has nine bytes, and zlib takes 16 KiB for a piece to compress it again. */
const allocationPerByte = 4096;

/** What a full member of the realm may say to another one: packed records that expand, lie about themselves, or are none. */
export function packedTargets(world: World): Target<Uint8Array>[] {
  const { keys, domainId, frames, nodes, records } = world;
  const store = world.filled();
  const random = new SeededRandom('packed', 1);
  const leaves = frames.map((frame) => decompressBody(frame, frameRawMaxBytes));
  const bodies: PackedBody[] = [
    { sequence: first, kind: RecordKind.leaf, body: leaves[0] ?? none },
    ...nodes.map(({ payload }, i) => ({ sequence: first + 1 + i, kind: RecordKind.node, body: payload })),
  ];
  const namesOf = (some: readonly PackedBody[]): RecordId[] =>
    some.flatMap((body) => {
      const hashes = contentsOf(body).map((content) => sha256(content) as ContentHash);
      return keys.namer(domainId).nameAll(body.kind === RecordKind.leaf ? 'leaf' : 'node', hashes);
    });
  const messageOf = (raw: Uint8Array, dictionaryIds: Uint8Array, names: readonly RecordId[]) => {
    const content = new Uint8Array(zstdCompressSync(raw));
    return packedMessage(first, { rawLength: raw.length, check: checkOf(names), dictionaryIds, content });
  };
  const take = async (message: Uint8Array): Promise<void> => {
    const stored = store.all.length;
    const decoded = await new WireDecoder(domainId, { store, keys, random }).decode(message);
    assert.equal(store.all.length, stored, 'it was stored before it was asked for');
    if ('lacking' in decoded) return assert.equal(decoded.lacking, first);
    for (const { record } of decoded.records) verifyRecord(keys, parseRecord(record.bytes));
  };
  const known = (records[0]?.ids ?? []).map((id) => new Uint8Array(id));
  const honest = encodeBodies(first, bodies);
  const bomb: PackedRecords = {
    rawLength: honest.length,
    check: checkOf([]),
    dictionaryIds: none,
    content: new Uint8Array(zstdCompressSync(Buffer.alloc(60_000_000))),
  };
  const messages = [
    messageOf(honest, none, namesOf(bodies)),
    messageOf(honest, new Uint8Array(Buffer.concat(known)), namesOf(bodies)),
    packedMessage(first, bomb),
  ];
  const allocatedMax = (bytes: Uint8Array) => allocationMax + allocationPerByte * bytes.length;
  return [
    bytesTarget({
      name: 'packed records',
      share: 3,
      protobuf: true,
      isAsync: true,
      seeds: messages.map((message) => new Uint8Array(message.subarray(headBytes))),
      run: (packed) => take(Buffer.concat([head, packed])),
      allocatedMax,
    }),
    bytesTarget({
      name: 'bodies of packed records',
      share: 3,
      isAsync: true,
      seeds: [honest, encodeBodies(first, bodies.slice(0, 2))].map((raw) => new Uint8Array(raw)),
      // Named as an honest sender would: the check hides all that is behind it.
      run: (raw) => take(messageOf(raw, none, namesIfAny(raw, namesOf))),
      allocatedMax,
    }),
  ];
}

/** None for what no sender could have taken apart. */
function namesIfAny(raw: Uint8Array, namesOf: (bodies: readonly PackedBody[]) => RecordId[]): RecordId[] {
  try {
    return namesOf(decodeBodies(first, raw));
  } catch {
    return [];
  }
}
