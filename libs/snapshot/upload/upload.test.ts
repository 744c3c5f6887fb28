import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { encodeNode, sha256 } from '#wire';
import { MemorySnapshotStore } from '../../../test/kit/memory-snapshot-store.ts';
import { FrameDraft } from './frame-draft.ts';
import { RecentHashes } from './recent-hashes.ts';
import { Upload } from './upload.ts';

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await turn();
};

test('many questions are in flight at once, and no more than about 32 MiB wait for answers', async () => {
  const store = new MemorySnapshotStore();
  let asked = 0;
  let answer = (): void => undefined;
  const answering = new Promise<void>((resolve) => {
    answer = resolve;
  });
  store.beforeAnswer = async () => {
    asked += 1;
    await answering;
  };
  const upload = new Upload(store);
  let added = 0;
  let isFull = false;
  while (!isFull) {
    upload.chunk(randomBytes(400_000));
    added += 400_000;
    isFull = await Promise.race([upload.room().then(() => false), turns(3).then(() => true)]);
  }
  assert.ok(added > 32_000_000 && added < 36_000_000, `${added} bytes`);
  assert.ok(asked > 20, `${asked} questions`);
  answer();
  await upload.room();
  await upload.finish();
  assert.equal(store.chunkContents.size, added / 400_000);
});

test('a node is put after the chunks and nodes that were added before it, also when those had to wait', async () => {
  const store = new MemorySnapshotStore();
  store.beforeAnswer = () => turns(Math.floor(Math.random() * 5));
  const upload = new Upload(store);
  const putNode = store.putNode.bind(store);
  const chunks = Array.from({ length: 3000 }, (_, i) => Buffer.alloc(2000, `chunk ${i}`));
  const order: number[] = [];
  store.putNode = async (node) => {
    order.push(store.chunkContents.size);
    await putNode(node);
  };
  for (const [i, chunk] of chunks.entries()) {
    const chunkHash = upload.chunk(chunk);
    const extents = [{ chunkHash, length: chunk.length }];
    upload.node(encodeNode({ type: 'contentList', contentList: { extents, parts: [] } }));
    if (i % 100 === 0) await turn();
  }
  await upload.finish();
  assert.equal(store.putOrder.length, 3000);
  assert.ok(order.every((chunksThere, i) => chunksThere >= i + 1));
  assert.ok(store.frames.length < 20, `${store.frames.length} frames`);
});

test('after a failure no further node is put', async () => {
  const store = new MemorySnapshotStore();
  const upload = new Upload(store);
  store.putLeaf = async () => {
    throw new Error('the line broke');
  };
  const chunkHash = upload.chunk(Buffer.from('content'));
  upload.node(encodeNode({ type: 'contentList', contentList: { extents: [{ chunkHash, length: 7 }], parts: [] } }));
  await assert.rejects(upload.finish(), /the line broke/);
  assert.equal(store.payloads.size, 0);
});

test('a frame is not lost when some of its chunks are not wanted', () => {
  const draft = new FrameDraft();
  const chunks = Array.from({ length: 100 }, (_, i) => randomBytes(100 + i));
  for (const chunk of chunks) draft.add(sha256(chunk), chunk);
  draft.keep(chunks.map((_, i) => i % 3 === 1));
  const kept = [...draft.chunks()];
  assert.equal(kept.length, 33);
  for (const [i, { hash, content }] of kept.entries()) {
    assert.ok(Buffer.from(content).equals(chunks[3 * i + 1] as Buffer));
    assert.ok(Buffer.from(hash).equals(Buffer.from(sha256(content))));
  }
});

test('a hash counts as seen only when all of it was', () => {
  const recent = new RecentHashes(4);
  const hash = randomBytes(32);
  const nearly = Buffer.from(hash);
  nearly[31] = (nearly[31] as number) ^ 1;
  assert.deepEqual(
    [hash, hash, nearly, hash].map((each) => recent.seen(each)),
    [false, true, false, false],
  );
});
