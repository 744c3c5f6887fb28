import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { type Entry, EntryKind, type TreeNode } from '#model';
import { compareBytes, equalBytes } from '#runtime';
import { decodeNode, encodeNode, nodePayloadMaxBytes, sha256 } from '#wire';
import { extentsOf } from './content-reader.ts';
import { ContentWriter } from './content-writer.ts';
import { directorySegments, findInDirectory } from './directory-reader.ts';
import { DirectoryWriter } from './directory-writer.ts';
import { blankEntry } from './entry-fields.ts';

/** Nodes in memory, in the order in which they were put. */
class Nodes {
  readonly payloads = new Map<string, Uint8Array>();

  readonly put = (payload: Uint8Array): Uint8Array => {
    assert.ok(payload.length <= nodePayloadMaxBytes);
    const hash = sha256(payload);
    this.payloads.set(Buffer.from(hash).toString('hex'), payload);
    return hash;
  };

  async node(hash: Uint8Array): Promise<Uint8Array> {
    const payload = this.payloads.get(Buffer.from(hash).toString('hex'));
    assert.ok(payload, 'a node that was named was put');
    return payload;
  }

  of<T extends TreeNode['type']>(type: T): Extract<TreeNode, { type: T }>[] {
    const nodes = [...this.payloads.values()].map(decodeNode);
    return nodes.filter((node): node is Extract<TreeNode, { type: T }> => node.type === type);
  }
}

function entryNamed(name: string, more: Partial<Entry> = {}): Entry {
  return { ...blankEntry(Buffer.from(name), EntryKind.file), mode: 0o644, size: 5, ...more };
}

const manyEntries = (count: number) =>
  Array.from({ length: count }, (_, i) => entryNamed(`entry-${String(i).padStart(7, '0')}`, { modifiedNanos: i }));

function written(nodes: Nodes, entries: readonly Entry[]): Uint8Array {
  const writer = new DirectoryWriter(nodes.put);
  for (const entry of entries) writer.add(entry);
  return writer.finish();
}

async function read(nodes: Nodes, hash: Uint8Array): Promise<string[]> {
  const names: string[] = [];
  for await (const entries of directorySegments(nodes, hash)) {
    for (const entry of entries) names.push(Buffer.from(entry.name).toString());
  }
  return names;
}

const cuts = (hash: Uint8Array) => Buffer.from(hash).readUInt32BE(0) % 1024 === 0;

test('a small directory is one node with the bytes that the codec gives', async () => {
  for (const entries of [[], [entryNamed('a')], manyEntries(1500)]) {
    const nodes = new Nodes();
    const hash = written(nodes, entries);
    const expected = encodeNode({ type: 'directory', directory: { entries } });
    assert.ok(equalBytes(await nodes.node(hash), expected));
    assert.equal(nodes.payloads.size, 1);
  }
});

test('a large directory is cut where FORMAT.md says: after 256 entries by the name of the next, at 4096 in any case', async () => {
  const entries = manyEntries(40_000);
  const nodes = new Nodes();
  const hash = written(nodes, entries);
  const index = decodeNode(await nodes.node(hash));
  assert.ok(index.type === 'directoryIndex');
  const { segments } = index.directoryIndex;
  assert.ok(segments.length > 10);
  let at = 0;
  for (const [i, segment] of segments.entries()) {
    assert.ok(equalBytes(segment.firstName, entries[at]?.name ?? Buffer.alloc(0)));
    const next = at + segment.entryCount;
    const isLast = i === segments.length - 1;
    const cutIsByName = segment.entryCount >= 256 && cuts(sha256(entries[next]?.name ?? Buffer.alloc(0)));
    assert.ok(isLast || cutIsByName || segment.entryCount === 4096);
    for (let inside = at + 256; inside < next; inside++) {
      assert.ok(!cuts(sha256(entries[inside]?.name as Uint8Array)), 'no cut was passed over');
    }
    at = next;
  }
  assert.equal(at, entries.length);
  assert.equal((await read(nodes, hash)).length, entries.length);
});

test('entries are found by binary search, in whole and in cut directories', async () => {
  for (const count of [0, 1, 1000, 10_000]) {
    const nodes = new Nodes();
    const hash = written(nodes, manyEntries(count));
    for (const i of [0, 1, 500, 999, 5_555, 9_999].filter((index) => index < count)) {
      const found = await findInDirectory(nodes, hash, Buffer.from(`entry-${String(i).padStart(7, '0')}`));
      assert.equal(found?.modifiedNanos, i);
    }
    for (const name of ['', 'a', 'entry-0000000x', 'z']) {
      assert.equal(await findInDirectory(nodes, hash, Buffer.from(name)), undefined);
    }
  }
});

test('one added entry of 40,000 changes one segment and the index', () => {
  const nodes = new Nodes();
  const entries = manyEntries(40_000);
  written(nodes, entries);
  const before = nodes.payloads.size;
  const added = [...entries, entryNamed('entry-0020000x')].sort((a, b) => compareBytes(a.name, b.name));
  written(nodes, added);
  assert.ok(nodes.payloads.size - before <= 3, `${nodes.payloads.size - before} new nodes`);
});

test('64 extents stay in the entry, the 65th makes a list; zeros are joined', async () => {
  for (const count of [0, 1, 64, 65, 300]) {
    const nodes = new Nodes();
    const writer = new ContentWriter(nodes.put);
    for (let i = 0; i < count; i++) writer.addChunk(randomBytes(32), 1000);
    writer.addZeros(400);
    writer.addZeros(600);
    const { extents, contentListHash, length } = writer.finish();
    assert.equal(length, (count + 1) * 1000);
    assert.equal(contentListHash.length, count + 1 > 64 ? 32 : 0);
    assert.equal(extents.length, count + 1 > 64 ? 0 : count + 1);
    const entry = entryNamed('file', { extents, contentListHash, size: length });
    let seen = 0;
    for await (const list of extentsOf(nodes, entry)) seen += list.length;
    assert.equal(seen, count + 1);
  }
});

test('a huge file is lists of lists, and a change in it rewrites one list a level', async () => {
  const hashes = Array.from({ length: 80_000 }, () => randomBytes(32));
  const nodes = new Nodes();
  const write = () => {
    const writer = new ContentWriter(nodes.put);
    for (const hash of hashes) writer.addChunk(hash, 400_000);
    return writer.finish();
  };
  const { contentListHash, length } = write();
  const lists = nodes.of('contentList').map(({ contentList }) => contentList);
  assert.ok(lists.every((list) => list.extents.length === 0 || list.parts.length === 0));
  assert.ok(lists.every((list) => list.extents.length <= 4096 && list.parts.length <= 4096));
  let at = 0;
  for await (const extents of extentsOf(nodes, entryNamed('file', { contentListHash, size: length }))) {
    for (const extent of extents) assert.ok(equalBytes(extent.chunkHash, hashes[at++] as Uint8Array));
    const next = hashes[at];
    assert.ok(next === undefined || extents.length === 4096 || (extents.length >= 256 && cuts(next)));
  }
  assert.equal(at, hashes.length);
  const before = nodes.payloads.size;
  hashes[40_000] = randomBytes(32);
  write();
  assert.ok(nodes.payloads.size - before <= 3, `${nodes.payloads.size - before} new lists`);
});

test('names out of order, twice or impossible, and extents that do not add up are refused', async () => {
  const nodes = new Nodes();
  const put = (entries: Entry[]) => nodes.put(encodeNode({ type: 'directory', directory: { entries } }));
  for (const names of [['b', 'a'], ['a', 'a'], ['..'], ['a/b'], [''], ['x'.repeat(256)]]) {
    await assert.rejects(read(nodes, put(names.map((name) => entryNamed(name)))), { code: 'malformed_tree' });
  }
  const list = nodes.put(encodeNode({ type: 'contentList', contentList: { extents: [], parts: [] } }));
  await assert.rejects(read(nodes, list), { code: 'malformed_tree' });
  const extent = (length: number) => ({ chunkHash: randomBytes(32), length });
  for (const extents of [[extent(4)], [extent(6)], [extent(0), extent(5)], [extent(5), extent(3_000_000)]]) {
    const reading = async () => {
      for await (const part of extentsOf(nodes, entryNamed('file', { extents }))) assert.ok(part);
    };
    await assert.rejects(reading, { code: 'malformed_tree' });
  }
});

test('empty parts are refused: a reader would walk through any number of them and find nothing', async () => {
  const nodes = new Nodes();
  const put = (node: TreeNode) => nodes.put(encodeNode(node));
  const empty = put({ type: 'directory', directory: { entries: [] } });
  const segments = Array.from({ length: 3 }, () => ({ firstName: Buffer.from('a'), nodeHash: empty, entryCount: 1 }));
  const isMalformed = { code: 'malformed_tree' };
  for (const directoryIndex of [{ segments }, { segments: [] }])
    await assert.rejects(read(nodes, put({ type: 'directoryIndex', directoryIndex })), isMalformed);
  const nothing = put({ type: 'contentList', contentList: { extents: [], parts: [] } });
  const parts = [{ nodeHash: nothing, length: 5 }];
  const contentListHash = put({ type: 'contentList', contentList: { extents: [], parts } });
  await assert.rejects(Array.fromAsync(extentsOf(nodes, entryNamed('a', { contentListHash }))), {
    code: 'malformed_tree',
  });
});
