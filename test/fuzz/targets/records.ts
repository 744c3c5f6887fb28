import assert from 'node:assert/strict';
import { zstdCompressSync } from 'node:zlib';
import { padmeLength, sealTagBytes, xaesSealInto } from '#keys';
import type { ContentHash } from '#model';
import { type Compression, compressBody, decompressBody, openLeaf, sealLeaf, sealNode, verifyRecord } from '#records';
import { equalBytes } from '#runtime';
import {
  decodeFrame,
  decodeNode,
  encodeFrame,
  encodeNode,
  finishRecord,
  frameRawMaxBytes,
  nodePayloadMaxBytes,
  parseRecord,
  type RecordHeader,
  recordLength,
  sha256,
  writeRecordHeader,
} from '#wire';
import { bytesTarget, type Target } from '../target.ts';
import type { World } from '../world.ts';

// A reader of one record may take: its body decompressed in one piece, and as much again for hashing and views.
const recordAllocation = 2 * frameRawMaxBytes + 262_144;

/** Records from a line or a disk: their envelope, and what only a member of the realm could have sealed. */
export function recordTargets(world: World): Target<Uint8Array>[] {
  const { keys, context } = world;
  const records = world.records.map(({ bytes }) => new Uint8Array(bytes)).filter(({ length }) => length < 10_000);
  const mendRecord = (bytes: Uint8Array) => {
    if (bytes.length < 80) return bytes;
    const mended = new Uint8Array(bytes);
    finishRecord(mended);
    return mended;
  };
  const mostRecords = { allocatedMax: (bytes: Uint8Array) => recordAllocation + 8 * bytes.length };
  return [
    bytesTarget({
      name: 'record',
      share: 6,
      seeds: records,
      mend: mendRecord,
      run(bytes) {
        const record = parseRecord(bytes);
        assert.ok(equalBytes(record.bytes, bytes));
        verifyRecord(keys, record);
      },
      ...mostRecords,
    }),
    bytesTarget({
      name: 'sealed inner bytes',
      share: 3,
      seeds: world.nodes.map(({ payload }) => innerOf(0, payload)),
      run(inner) {
        verifyRecord(keys, parseRecord(sealInner(world, inner)));
        const length = Buffer.from(inner).readUInt32LE(1);
        assert.equal(padmeLength(5 + length), inner.length, 'a wrong padding was taken');
      },
      ...mostRecords,
    }),
    bytesTarget({
      name: 'sealed frame',
      share: 3,
      seeds: [encodeFrame([Buffer.from('a'), Buffer.alloc(300, 'b'), Buffer.alloc(5000, 'c')])],
      run(raw) {
        const hashes = honestHashes(raw);
        const stored = sealLeaf(context, hashes, { compression: 0, body: raw });
        for (const { hash, content } of openLeaf(keys, parseRecord(stored.bytes)))
          assert.deepEqual(sha256(content), hash);
      },
      ...mostRecords,
    }),
    bytesTarget({
      name: 'frame',
      share: 4,
      seeds: [encodeFrame([Buffer.from('a'), Buffer.alloc(300, 'b')])],
      run(raw) {
        assert.ok(equalBytes(encodeFrame(decodeFrame(raw)), raw));
      },
    }),
    bytesTarget({
      name: 'node',
      share: 8,
      protobuf: true,
      seeds: world.nodes.map(({ payload }) => payload),
      run(payload) {
        let again = payload;
        // A number beyond 2^53 loses its last digits the first time.
        for (let i = 0; i < 3; i++) again = encodeNode(decodeNode(again));
        assert.ok(equalBytes(encodeNode(decodeNode(again)), again), 'what was taken has no stable encoding');
      },
      // A list of empty messages is the densest there is: each of two bytes becomes an object, none a buffer.
      allocatedMax: (payload) => 65_536 + 64 * payload.length,
    }),
    bytesTarget({
      name: 'sealed node',
      share: 4,
      protobuf: true,
      seeds: world.nodes.map(({ payload }) => payload),
      run(payload) {
        const record = sealNode(context, sha256(payload) as ContentHash, payload, { compression: 0, body: payload });
        verifyRecord(keys, parseRecord(record.bytes));
      },
      allocatedMax: (payload) => recordAllocation + 128 * payload.length,
    }),
  ];
}

/** Compressed bodies that lie about their size, hold far more than they may, or are no such thing. */
export async function compressionTargets(world: World): Promise<Target<Uint8Array>[]> {
  const honest = await Promise.all(world.nodes.map(({ payload }) => compressBody(payload)));
  const bombs = [5_000_000, 60_000_000].map((length) => zstdCompressSync(Buffer.alloc(length)));
  const seeds = [...honest.map(({ body }) => body), ...bombs].map((body) => new Uint8Array(body));
  const limits = [nodePayloadMaxBytes, frameRawMaxBytes];
  return limits.map((limit) =>
    bytesTarget({
      name: `zstd to ${limit}`,
      share: 2,
      seeds,
      run(body) {
        const compression = (body.length % 7 === 0 ? body[0] : 1) as Compression;
        assert.ok(decompressBody({ compression, body }, limit).length <= limit);
      },
      allocatedMax: (body) => 2 * limit + 65_536 + 2 * body.length,
    }),
  );
}

/** The names that an honest client would give to what is in a frame; any, when nothing is. */
function honestHashes(raw: Uint8Array): ContentHash[] {
  try {
    return decodeFrame(raw).map(sha256) as ContentHash[];
  } catch {
    return [sha256(raw)] as ContentHash[];
  }
}

function innerOf(compression: number, body: Uint8Array): Uint8Array {
  const inner = Buffer.alloc(padmeLength(5 + body.length));
  inner[0] = compression;
  inner.writeUInt32LE(body.length, 1);
  inner.set(body, 5);
  return new Uint8Array(inner);
}

/** Seals whatever these inner bytes are, under real keys, as a hostile member of the realm could. */
function sealInner({ keys, domainId, records }: World, inner: Uint8Array): Uint8Array {
  const of = records.at(-1);
  if (of === undefined) throw new Error('a world has records');
  const header: RecordHeader = { ...of, domainId, nonce: new Uint8Array(24), keyId: keys.sealingKey.keyId };
  const sealedBytes = inner.length + sealTagBytes;
  const bytes = new Uint8Array(recordLength(header.ids.length, header.references.length, sealedBytes));
  const end = writeRecordHeader(bytes, header, sealedBytes);
  xaesSealInto(keys.sealingKey.key, header.nonce, inner, bytes.subarray(0, end), bytes, end);
  finishRecord(bytes);
  return bytes;
}
