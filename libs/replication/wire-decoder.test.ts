import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { createKeyring, withNewDataKey, withNewDomain } from '#keys';
import type { ContentHash, DomainId, RecordId, SiteId } from '#model';
import { compressBody, KeyBook, openLeaf, openNode, sealLeaf } from '#records';
import { concatBytes, isAppError, systemRandom } from '#runtime';
import { encodeFrame, encodeNode, finishRecord, frameRawMaxBytes, parseRecord, RecordKind, sha256 } from '#wire';
import { checkOf, encodeBodies, type PackedBody } from './packed-bodies.ts';
import { dictionaryIdsMax, packedContentsMax, packedRawMaxBytes } from './packed-limits.ts';
import { MemoryStore } from './testing/memory-store.ts';
import { domainId, keys } from './testing/sample-snapshot.ts';
import { WireDecoder } from './wire-decoder.ts';
import { type PackedRecords, packedMessage, wholeMessage } from './wire-message.ts';
import { compressWith, dictionaryOf } from './zstd-dictionary.ts';

const first = 70;
const noise = (seed: string, length: number) => createHash('shake128', { outputLength: length }).update(seed).digest();
const namer = keys.namer(domainId);
const leafIds = (chunks: readonly Uint8Array[]) =>
  namer.nameAll(
    'leaf',
    chunks.map((chunk) => sha256(chunk) as ContentHash),
  );
const chunks = [noise('one', 300), Buffer.from('hello')];
const payload = encodeNode({
  type: 'contentList',
  contentList: { extents: [{ chunkHash: sha256(noise('one', 300)), length: 300 }], parts: [] },
});
const leaf: PackedBody = { sequence: first, kind: RecordKind.leaf, body: encodeFrame(chunks) };
const node: PackedBody = { sequence: first + 2, kind: RecordKind.node, body: payload };
const ids = [...leafIds(chunks), namer.name('node', sha256(payload) as ContentHash)];

const by = { random: systemRandom, siteId: new Uint8Array(16) as SiteId, createdSeconds: 1 };
/** Keys of somebody who has not got this domain's. */
const otherRealm = new KeyBook(withNewDataKey(withNewDomain(createKeyring(systemRandom), by).keyring, by).keyring);

function decoderOf(store = new MemoryStore(), book: KeyBook | undefined = keys): WireDecoder {
  return new WireDecoder(domainId, { store, keys: book, random: systemRandom });
}

/** A message of what an honest sender would say of `bodies`, but for what `wrong` says. */
function packedOf(bodies: readonly PackedBody[], wrong: Partial<PackedRecords> = {}, named = ids): Uint8Array {
  const raw = encodeBodies(first, bodies);
  const honest = { rawLength: raw.length, check: checkOf(named), dictionaryIds: new Uint8Array(0) };
  return packedMessage(first, { ...honest, content: zstdCompressSync(raw), ...wrong });
}

/** Refused as what breaks the protocol, with nothing stored, and with no word that blames the own disk. */
async function refuses(message: Uint8Array, why: RegExp, book: KeyBook | undefined = keys): Promise<void> {
  const store = new MemoryStore();
  const decoder = new WireDecoder(domainId, { store, keys: book, random: systemRandom });
  await assert.rejects(
    decoder.decode(message),
    (error) => isAppError(error, 'protocol_violation') && why.test(error.message),
  );
  assert.equal(store.appended.length + store.durableRecords, 0);
}

/** A chunk that lies in a store, sealed by `book`. */
async function stored(store: MemoryStore, content: Uint8Array, book = keys): Promise<RecordId> {
  const context = { keys: book, domainId, random: systemRandom };
  const hash = sha256(content) as ContentHash;
  const record = sealLeaf(context, [hash], await compressBody(encodeFrame([content])));
  store.put(record.bytes);
  return record.ids[0] as RecordId;
}

test('packed contents are sealed here as records that anybody with the keys can check', async () => {
  const decoded = await decoderOf().decode(packedOf([leaf, node]));
  assert.ok('records' in decoded);
  const [one, two] = decoded.records;
  assert.deepEqual([one?.sequence, two?.sequence], [first, first + 2]);
  assert.ok(one !== undefined && two !== undefined);
  const opened = openLeaf(keys, parseRecord(one.record.bytes));
  assert.deepEqual(
    opened.map(({ content }) => Buffer.from(content)),
    chunks.map((chunk) => Buffer.from(chunk)),
  );
  assert.deepEqual(Buffer.from(openNode(keys, parseRecord(two.record.bytes)).payload), Buffer.from(payload));
});

test('what expands beyond its length is refused before it is there', async () => {
  const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
  assert.ok(bomb.length < 10_000);
  const before = process.memoryUsage().arrayBuffers;
  await refuses(packedOf([leaf], { content: bomb }), /do not decompress/);
  await refuses(packedOf([leaf], { content: bomb, rawLength: packedRawMaxBytes }), /do not decompress/);
  assert.ok(process.memoryUsage().arrayBuffers - before < 3 * packedRawMaxBytes);
});

test('lengths that are none or beyond the limits are refused', async () => {
  for (const rawLength of [packedRawMaxBytes + 1, 0xffff_ffff])
    await refuses(packedOf([leaf], { rawLength }), /beyond their limits/);
  await refuses(packedOf([leaf], { rawLength: 0 }), /do not decompress/);
  await refuses(packedOf([leaf, node], { rawLength: packedRawMaxBytes }), /another length/);
  const tooMany = new Uint8Array(20 * (dictionaryIdsMax + 1));
  await refuses(packedOf([leaf], { dictionaryIds: tooMany }), /beyond their limits/);
});

test('a content that is not exactly one zstd frame is refused', async () => {
  const raw = encodeBodies(first, [leaf, node]);
  const frame = zstdCompressSync(raw);
  const half = raw.length >> 1;
  const wrong = [
    new Uint8Array(0),
    frame.subarray(0, -1),
    frame.subarray(0, 5),
    noise('no frame', 200),
    Buffer.concat([frame, Buffer.from('left over')]),
    Buffer.concat([frame, frame.subarray(0, 2)]),
    Buffer.concat([frame, zstdCompressSync(new Uint8Array(0))]),
    Buffer.concat([zstdCompressSync(raw.subarray(0, half)), zstdCompressSync(raw.subarray(half))]),
    Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9]), frame]),
  ];
  for (const content of wrong) await refuses(packedOf([leaf, node], { content }), /do not decompress/);
});

test('contents that are not those that were meant are refused', async () => {
  await refuses(packedOf([leaf, node], { check: new Uint8Array(16) }), /not what they were sent for/);
  await refuses(packedOf([leaf, node], { check: new Uint8Array(0) }), /not what they were sent for/);
  await refuses(packedOf([node, leaf].map((one, i) => ({ ...one, sequence: first + i }))), /not what they/);
  // A node's payload under a leaf's name.
  const disguised = { ...leaf, body: encodeFrame([payload]) };
  await refuses(packedOf([disguised], {}, ids.slice(2)), /not what they/);
});

test('bodies that are none are refused, without a word of a damaged disk', async () => {
  const table = encodeFrame(chunks);
  const bad = [
    [Buffer.alloc(0), /frame that is none/],
    [table.subarray(0, 6), /frame that is none/],
    [Buffer.concat([table, Buffer.of(0)]), /frame that is none/],
    [encodeFrame([]), /frame that is none/],
  ] as const;
  for (const [body, why] of bad) await refuses(packedOf([{ ...leaf, body }]), why);
  const raw = encodeBodies(first, [leaf]);
  const withRaw = (bytes: Uint8Array) =>
    packedOf([leaf], { rawLength: bytes.length, content: zstdCompressSync(bytes) }, ids.slice(0, 2));
  await refuses(withRaw(Buffer.concat([raw, Buffer.of(1, 2, 3)])), /cut off/);
  await refuses(withRaw(raw.subarray(0, -1)), /impossible size/);
  await refuses(withRaw(Buffer.concat([Buffer.of(3), raw.subarray(1)])), /no kind/);
});

test('a node that nobody could walk is refused', async () => {
  const named = (body: Uint8Array) => [namer.name('node', sha256(body) as ContentHash)];
  const noNode = Buffer.from('no node at all');
  await assert.rejects(decoderOf().decode(packedOf([{ ...node, body: noNode }], {}, named(noNode))), (error) =>
    isAppError(error, 'malformed_message'),
  );
});

test('a frame that would not fit into a record is refused as the sender made it, and is no bug of ours', async () => {
  const count = 2;
  const room = frameRawMaxBytes - 4 - 4 * count;
  const large = [noise('large', room / 2), noise('larger', room / 2)];
  const body = encodeFrame(large);
  assert.equal(body.length, frameRawMaxBytes);
  const message = packedOf([{ ...leaf, body }], {}, leafIds(large));
  await refuses(message, /impossible size/);
});

test('a message of more contents than can be named at once is refused, however small they are', async () => {
  const tiny: PackedBody = { ...node, body: new Uint8Array(0) };
  await refuses(packedOf(Array<PackedBody>(packedContentsMax + 1).fill(tiny)), /too many packed/);
  const full = encodeFrame(Array<Uint8Array>(4096).fill(Buffer.of(1)));
  const frames = Array.from({ length: packedContentsMax / 4096 + 1 }, () => ({ ...leaf, body: full }));
  await refuses(packedOf(frames), /too many packed/);
});

test('a dictionary of what is not here, not good here, or sealed with a key that has not come, is told as lacking', async () => {
  const store = new MemoryStore();
  const here = await stored(store, noise('here', 500));
  const absent = leafIds([noise('absent', 10)])[0] as RecordId;
  const damaged = await stored(store, noise('damaged', 500));
  const [place] = await store.locateMany(domainId, [damaged]);
  const { readAt } = store;
  store.readAt = async (at) => {
    const record = await readAt.call(store, at);
    if (at.offset !== place?.offset) return record;
    const bytes = Uint8Array.from(record.bytes);
    bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
    finishRecord(bytes);
    return parseRecord(bytes);
  };
  const newer = Object.create(keys, {
    sealingKey: { value: otherRealm.sealingKey },
    namer: { value: (domain: DomainId) => keys.namer(domain) },
  }) as KeyBook;
  const unopened = await stored(store, noise('unopened', 500), newer);
  for (const bad of [absent, damaged, unopened]) {
    const message = packedOf([leaf, node], { dictionaryIds: concatBytes([here, bad]) });
    assert.deepEqual(await decoderOf(store).decode(message), { lacking: first });
  }
  const changed = [Buffer.concat([noise('here', 500), Buffer.from('and more')])];
  const body = { ...leaf, body: encodeFrame(changed) };
  const known = dictionaryOf([noise('here', 500)]);
  const content = await compressWith(encodeBodies(first, [body]), { level: 9, dictionary: known });
  assert.ok(content.length < 100);
  const decoded = await decoderOf(store).decode(packedOf([body], { dictionaryIds: here, content }, leafIds(changed)));
  assert.ok('records' in decoded && decoded.records.length === 1);
  await refuses(packedOf([body], { content }, leafIds(changed)), /do not decompress/);
  assert.equal(store.appended.length, 0);
});

test('who has no keys takes no packed records', async () => {
  await refuses(packedOf([leaf, node]), /without being asked/, otherRealm);
  const blind = new WireDecoder(domainId, { store: new MemoryStore(), keys: undefined, random: systemRandom });
  assert.equal(blind.opensPacked, false);
  await assert.rejects(blind.decode(packedOf([leaf, node])), (error) => isAppError(error, 'protocol_violation'));
});

test('a whole record is taken for its own domain only, and only with a good seal', async () => {
  const context = { keys, domainId, random: systemRandom };
  const { bytes } = sealLeaf(
    context,
    [sha256(chunks[0] as Uint8Array) as ContentHash],
    await compressBody(encodeFrame(chunks.slice(0, 1))),
  );
  const decoded = await decoderOf().decode(wholeMessage(3, bytes));
  assert.ok('records' in decoded && decoded.records[0]?.sequence === 3);
  const other = new WireDecoder(new Uint8Array(8).fill(1) as DomainId, {
    store: new MemoryStore(),
    keys,
    random: systemRandom,
  });
  await assert.rejects(other.decode(wholeMessage(3, bytes)), /another domain/);
  const forged = Uint8Array.from(bytes);
  forged[forged.length - 40] = (forged[forged.length - 40] ?? 0) ^ 1;
  finishRecord(forged);
  await assert.rejects(decoderOf().decode(wholeMessage(3, forged)), (error) => isAppError(error, 'record_damaged'));
});

/** Whatever it is: taken within the limits, told as lacking, or refused with an error that says what to do. */
async function isJudged(message: Uint8Array): Promise<void> {
  try {
    const decoded = await decoderOf().decode(message);
    if ('lacking' in decoded) return;
    assert.ok(decoded.records.length <= packedContentsMax);
    assert.ok(decoded.records.reduce((sum, { record }) => sum + record.bytes.length, 0) < 2 * packedRawMaxBytes);
  } catch (error) {
    assert.ok(isAppError(error), String(error));
  }
}

test('any bytes behind the mark, and any lie in the fields, are judged and never crash', async () => {
  const mark = Buffer.concat([new Uint8Array(8), Buffer.of(2)]);
  const bytes = fc.uint8Array({ maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(bytes, (after) => isJudged(Buffer.concat([mark, after]))),
    { numRuns: 150 },
  );
  const content = fc.oneof(
    bytes,
    bytes.map((raw) => new Uint8Array(zstdCompressSync(raw))),
    fc
      .array(fc.record({ sequence: fc.integer({ min: 0, max: 9 }), kind: fc.constantFrom(1, 2), body: bytes }))
      .map((bodies) => new Uint8Array(zstdCompressSync(encodeBodies(0, bodies as PackedBody[])))),
  );
  const fields = fc.record({
    rawLength: fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 0xffff_ffff })),
    check: fc.uint8Array({ maxLength: 20 }),
    dictionaryIds: fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ maxLength: 60 })),
    content,
  });
  await fc.assert(
    fc.asyncProperty(fields, (packed) => isJudged(packedMessage(0, packed))),
    { numRuns: 150 },
  );
  // With the length and the names right, so that what is behind them is reached.
  const bodies = fc.array(fc.record({ kind: fc.constantFrom(1, 2), body: bytes }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(bodies, (some) => {
      const all = some.map(({ kind, body }, i) => ({ sequence: first + i, kind: kind as RecordKind, body }));
      const named = all.flatMap(({ kind, body }) =>
        kind === RecordKind.node ? [namer.name('node', sha256(body) as ContentHash)] : [],
      );
      return isJudged(packedOf(all, {}, named));
    }),
    { numRuns: 100 },
  );
});
