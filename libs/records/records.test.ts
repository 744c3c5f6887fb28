import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { createKeyring, type Keyring, withNewDataKey, withNewDomain } from '#keys';
import type { ContentHash, DomainId, SiteId, TreeNode } from '#model';
import { isAppError, systemRandom, toHex } from '#runtime';
import { encodeFrame, encodeNode, finishRecord, parseRecord, type RecordView, sha256 } from '#wire';
import { compressBody, KeyBook, openLeaf, openNode, sealLeaf, sealNode } from './index.ts';

function freshKeys(): { keyring: Keyring; domainId: DomainId } {
  const by = { random: systemRandom, siteId: new Uint8Array(16) as SiteId, createdSeconds: 1 };
  const withDomain = withNewDomain(createKeyring(systemRandom), by);
  return { keyring: withNewDataKey(withDomain.keyring, by).keyring, domainId: withDomain.domain.domainId };
}

const { keyring, domainId } = freshKeys();
const context = { keys: new KeyBook(keyring), domainId, random: systemRandom };

async function leafOf(chunks: readonly Uint8Array[]): Promise<Uint8Array> {
  const hashes = chunks.map((chunk) => sha256(chunk) as ContentHash);
  return sealLeaf(context, hashes, await compressBody(encodeFrame(chunks))).bytes;
}

const isDamage = (error: unknown) => isAppError(error, 'record_damaged');

test('a frame comes back chunk by chunk, compressible or not', async () => {
  const chunks = [Buffer.from('hello'), randomBytes(300_000), Buffer.alloc(200_000, 7)];
  const opened = openLeaf(context.keys, parseRecord(await leafOf(chunks)));
  assert.deepEqual(
    opened.map((chunk) => toHex(chunk.content)),
    chunks.map(toHex),
  );
});

test('a flipped bit at any byte of a record is refused', async () => {
  const record = await leafOf([Buffer.from('content that matters')]);
  for (let at = 0; at < record.length; at++) {
    const bad = Buffer.from(record);
    bad[at] = (bad[at] ?? 0) ^ 0x10;
    assert.throws(() => parseRecord(bad), isDamage, `byte ${at}`);
  }
});

test('a flipped bit behind a corrected checksum still does not pass the seal or the names', async () => {
  const record = await leafOf([Buffer.from('content that matters')]);
  for (let at = 24; at < record.length - 16; at++) {
    const bad = Buffer.from(record);
    bad[at] = (bad[at] ?? 0) ^ 0x01;
    finishRecord(bad);
    assert.throws(
      () => openLeaf(context.keys, parseRecord(bad)),
      (error) => isAppError(error),
      `byte ${at}`,
    );
  }
});

test('a chunk under a wrong name is refused', async () => {
  const wrong = sealLeaf(
    context,
    [sha256(Buffer.from('other')) as ContentHash],
    await compressBody(encodeFrame([Buffer.from('mine')])),
  );
  assert.throws(() => openLeaf(context.keys, parseRecord(wrong.bytes)), isDamage);
});

test('a decompression bomb stops at the limit', () => {
  const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
  const { bytes } = sealLeaf(context, [sha256(bomb) as ContentHash], { compression: 1, body: bomb });
  assert.throws(() => openLeaf(context.keys, parseRecord(bytes)), isDamage);
});

test('a node keeps its references sorted and once, and they are recomputed on opening', async () => {
  const hash = sha256(Buffer.from('x'));
  const extents = [
    { chunkHash: hash, length: 1 },
    { chunkHash: sha256(Buffer.from('y')), length: 1 },
    { chunkHash: hash, length: 1 },
  ];
  const node = { type: 'contentList', contentList: { extents, parts: [] } } satisfies TreeNode;
  const payload = encodeNode(node);
  const record = parseRecord(
    sealNode(context, sha256(payload) as ContentHash, payload, await compressBody(payload)).bytes,
  );
  assert.equal(record.references.length, 2);
  assert.equal(toHex(openNode(context.keys, record).payload), toHex(payload));
});

test('what sealing hands out is what parsing finds', async () => {
  const [one, two] = [Buffer.from('one'), Buffer.from('two')];
  const hashes = [one, two].map((chunk) => sha256(chunk) as ContentHash);
  const extents = hashes.map((chunkHash) => ({ chunkHash, length: 3 }));
  const payload = encodeNode({ type: 'contentList', contentList: { extents, parts: [] } });
  const body = await compressBody(payload);
  const node = sealNode(context, sha256(payload) as ContentHash, payload, body);
  const leaf = sealLeaf(context, hashes, await compressBody(encodeFrame([one, two])));
  for (const sealed of [node, leaf]) assert.deepEqual(inHex(sealed), inHex(parseRecord(sealed.bytes)));
});

/** Parts may be arrays of several kinds. */
function inHex({ kind, ids, references, ...parts }: RecordView) {
  const single = Object.entries(parts).map(([name, bytes]) => [name, toHex(bytes)]);
  return { kind, ids: ids.map(toHex), references: references.map(toHex), ...Object.fromEntries(single) };
}

test('a leaf can never pass for a node', async () => {
  const record = parseRecord(await leafOf([Buffer.from('leaf')]));
  assert.throws(() => openNode(context.keys, record), isDamage);
});

test('a record of an unknown data key says which key is missing', async () => {
  const record = parseRecord(await leafOf([Buffer.from('leaf')]));
  const others = new KeyBook(freshKeys().keyring);
  assert.throws(
    () => openLeaf(others, record),
    (error) => isAppError(error, 'key_missing'),
  );
});

test('work that began before a rotation seals what comes after it under the new key, and still reads the old', () => {
  const book = new KeyBook(keyring);
  const upload = { keys: book, domainId, random: systemRandom };
  const payload = encodeNode({ type: 'contentList', contentList: { extents: [], parts: [] } });
  const seal = () => sealNode(upload, sha256(payload) as ContentHash, payload, { compression: 0, body: payload });
  const before = seal();
  const by = { random: systemRandom, siteId: new Uint8Array(16) as SiteId, createdSeconds: 2 };
  const rotated = withNewDataKey(keyring, by);
  book.renew(rotated.keyring);
  const after = seal();
  assert.deepEqual(
    [toHex(before.keyId), toHex(after.keyId)],
    [toHex(keyring.dataKeys[0]?.keyId ?? by.siteId), toHex(rotated.dataKey.keyId)],
  );
  for (const record of [before, after]) openNode(book, record);
});
