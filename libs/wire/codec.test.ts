import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TreeNode } from '#model';
import { isAppError } from '#runtime';
import { codecOf } from './codec.ts';
import { decodeNode, encodeNode } from './tree-codec.ts';

const leaf = codecOf<{ sequence: number; hashes: Uint8Array; body: Uint8Array }>(
  'session.proto',
  'sitepair.session.v1.ClientLeaf',
);

test('absent bytes decode to an empty Uint8Array, absent numbers to 0', () => {
  const { sequence, hashes } = leaf.decode(new Uint8Array(0));
  assert.equal(sequence, 0);
  assert.ok(hashes instanceof Uint8Array && hashes.subarray(0).length === 0);
});

test('numbers up to 2^53 come back as they were', () => {
  for (const sequence of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    assert.equal(leaf.decode(leaf.encode({ sequence })).sequence, sequence);
  }
});

test('truncated and foreign bytes are refused as malformed', () => {
  const bytes = leaf.encode({ sequence: 7, hashes: new Uint8Array(32).fill(1), body: new Uint8Array(5) });
  for (let length = 1; length < bytes.length; length++) {
    try {
      leaf.decode(bytes.subarray(0, length));
    } catch (error) {
      assert.ok(isAppError(error, 'malformed_message'));
    }
  }
  assert.throws(
    () => leaf.decode(new Uint8Array([0xff, 0xff, 0xff])),
    (error) => isAppError(error, 'malformed_message'),
  );
});

test('a node has one body, and the same node gives the same bytes', () => {
  const node: TreeNode = {
    type: 'contentList',
    contentList: { extents: [{ chunkHash: new Uint8Array(32).fill(4), length: 9 }], parts: [] },
  };
  assert.deepEqual(encodeNode(node), encodeNode(node));
  assert.equal(decodeNode(encodeNode(node)).type, 'contentList');
  assert.throws(
    () => decodeNode(new Uint8Array(0)),
    (error) => isAppError(error, 'malformed_message'),
  );
  assert.throws(
    () => decodeNode(new Uint8Array(3_000_000)),
    (error) => isAppError(error, 'malformed_message'),
  );
});

test('a node that names something by what is no hash, or a manifest without root, is refused as malformed', () => {
  const node = codecOf<Record<string, unknown>>('tree.proto', 'sitepair.tree.v1.Node');
  const short = new Uint8Array(5);
  const malformed: readonly Record<string, unknown>[] = [
    { directory: { entries: [{ directoryHash: short }] } },
    { directory: { entries: [{ contentListHash: short }] } },
    { directory: { entries: [{ extents: [{ chunkHash: short, length: 1 }] }] } },
    { directory: { entries: [{ xattrs: [{ valueHash: short }] }] } },
    { directoryIndex: { segments: [{ entryCount: 1 }] } },
    { contentList: { parts: [{ nodeHash: short }] } },
    { manifest: { format: 1, totals: {} } },
    {},
  ];
  for (const message of malformed)
    assert.throws(
      () => decodeNode(node.encode(message)),
      (error) => isAppError(error, 'malformed_message'),
      JSON.stringify(message),
    );
  const bare = decodeNode(node.encode({ manifest: { root: {} } }));
  assert.equal(bare.type === 'manifest' && bare.manifest.totals.contentBytes, 0);
});
