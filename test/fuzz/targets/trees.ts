import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Entry, EntryKind, type EntryState, type Extent } from '#model';
import { AppError, isAppError, systemClock } from '#runtime';
import {
  diffTrees,
  findPath,
  readManifest,
  restoreSnapshot,
  type SnapshotSource,
  tarStream,
  walkEntries,
} from '#snapshot';
import { encodeNode, sha256 } from '#wire';
import type { SeededRandom } from '../seeded-random.ts';
import type { Target } from '../target.ts';
import { aManifest, anEntry } from '../tree-parts.ts';

/** What an agent, or a member's thief, might make a snapshot of. */
interface HostileTree {
  readonly folders: readonly (readonly HostileEntry[])[];
  /** Cut into segments under an index, or whole. */
  readonly indexed: boolean;
  readonly sorted: boolean;
}

interface HostileEntry {
  readonly name: Uint8Array;
  readonly kind: number;
  readonly size: number;
  readonly lengths: readonly number[];
  readonly below: number;
  readonly linkTarget: string;
  readonly mode: number;
  readonly odd: number;
}

const names = [
  'a',
  'b',
  'link',
  '..',
  '.',
  '',
  '../outside',
  '/etc/passwd',
  'a/b',
  'nul\0',
  'x'.repeat(255),
  'x'.repeat(256),
];
const someName = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'link').map((name) => Buffer.from(name)) },
  { weight: 2, arbitrary: fc.constantFrom(...names).map((name) => Buffer.from(name)) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 8 }) },
);
const hostileEntry: fc.Arbitrary<HostileEntry> = fc.record({
  name: someName,
  kind: fc.oneof(fc.integer({ min: 1, max: 7 }), fc.constantFrom(0, 8, 255, 2 ** 31)),
  size: fc.oneof(fc.constantFrom(0, 5, 10, 300, 2 ** 40, 2 ** 53), fc.nat(400)),
  lengths: fc.array(fc.constantFrom(0, 5, 300, 7, 2 ** 21 + 1, 2 ** 40), { maxLength: 4 }),
  below: fc.nat(6),
  linkTarget: fc.constantFrom('a', '..', '../outside', '/', 'x'.repeat(5000), 'nul\0'),
  mode: fc.constantFrom(0o644, 0o7777, 0, 2 ** 31),
  odd: fc.nat(12),
});
const hostileTree: fc.Arbitrary<HostileTree> = fc.record({
  folders: fc.array(fc.array(hostileEntry, { maxLength: 5 }), { minLength: 1, maxLength: 5 }),
  indexed: fc.boolean(),
  sorted: fc.boolean(),
});

const content = Buffer.from('12345');
const longer = Buffer.alloc(300, 'z');

/** The nodes of a hostile tree: each is what its hash names, as any store would give them. */
class TreeSource implements SnapshotSource {
  readonly #payloads = new Map<string, Uint8Array>();
  readonly #chunks = new Map([content, longer].map((chunk) => [Buffer.from(sha256(chunk)).toString('hex'), chunk]));

  add(payload: Uint8Array): Uint8Array {
    const hash = sha256(payload);
    this.#payloads.set(Buffer.from(hash).toString('hex'), payload);
    return hash;
  }

  async node(hash: Uint8Array): Promise<Uint8Array> {
    const payload = this.#payloads.get(Buffer.from(hash).toString('hex'));
    if (payload !== undefined) return payload;
    throw new AppError('a node is nowhere', { code: 'content_missing', advice: 'Heal.' });
  }

  async *chunks(hashes: readonly Uint8Array[]) {
    for (const hash of hashes) yield { hash, content: this.#chunks.get(Buffer.from(hash).toString('hex')) };
  }
}

function built(tree: HostileTree): { readonly source: TreeSource; readonly root: Entry } {
  const source = new TreeSource();
  let hashes: Uint8Array[] = [sha256(content)];
  for (const folder of tree.folders) {
    const entries = folder.map((entry) => entryOf(entry, hashes, source));
    if (tree.sorted) entries.sort((a, b) => Buffer.compare(a.name, b.name));
    const whole = source.add(encodeNode({ type: 'directory', directory: { entries } }));
    const segments = [whole, ...hashes].map((nodeHash) => ({ firstName: Buffer.from('a'), nodeHash, entryCount: 1 }));
    const index = source.add(encodeNode({ type: 'directoryIndex', directoryIndex: { segments } }));
    hashes = [tree.indexed ? index : whole, ...hashes];
  }
  return { source, root: anEntry('', EntryKind.directory, { directoryHash: hashes[0] as Uint8Array }) };
}

function entryOf(entry: HostileEntry, hashes: readonly Uint8Array[], source: TreeSource): Entry {
  const { name, kind, size, lengths, below, linkTarget, mode, odd } = entry;
  const extents: Extent[] = lengths.map((length) => ({
    chunkHash: length === 5 ? sha256(content) : length === 300 ? sha256(longer) : new Uint8Array(length === 7 ? 32 : 0),
    length,
  }));
  const list =
    odd === 1 ? source.add(encodeNode({ type: 'contentList', contentList: { extents, parts: [] } })) : undefined;
  return anEntry(name, kind as EntryKind, {
    size,
    mode,
    uid: odd === 2 ? 2 ** 32 - 1 : 0,
    extents: list === undefined ? extents : [],
    contentListHash: list ?? new Uint8Array(0),
    directoryHash:
      kind === EntryKind.directory || odd === 3 ? (hashes[below % hashes.length] as Uint8Array) : new Uint8Array(0),
    linkTarget: kind === EntryKind.symlink || odd === 4 ? Buffer.from(linkTarget) : new Uint8Array(0),
    links: odd === 5 ? 2 : 1,
    inode: odd === 5 ? new Uint8Array(8) : odd === 6 ? new Uint8Array(3) : new Uint8Array(0),
    modifiedSeconds: odd === 7 ? 2 ** 53 : odd === 8 ? -(2 ** 40) : 1_600_000_000,
    modifiedNanos: odd === 9 ? 2 ** 31 : 0,
    state: (odd === 10 ? 9 : odd === 11 ? 2 : 0) as EntryState,
    xattrs:
      odd === 12 ? [{ name: Buffer.from('user.\0'), value: Buffer.alloc(70_000), valueHash: new Uint8Array(0) }] : [],
  });
}

/** Trees as restore, tar, ls, diff and find meet them: nothing is touched outside of the target. */
export function treeTargets(): Target<never>[] {
  const folder = mkdtempSync(join(tmpdir(), 'sitepair-fuzz-trees-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const outside = join(folder, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'victim'), 'untouched');
  const target: Target<HostileTree> = {
    name: 'hostile tree',
    share: 0.3,
    isAsync: true,
    input: (random: SeededRandom) => fc.sample(hostileTree, { seed: random.uint32(), numRuns: 1 })[0] as HostileTree,
    async run(tree) {
      const { source, root } = built(tree);
      const manifest = aManifest(new Uint8Array(16), root);
      const manifestHash = source.add(encodeNode({ type: 'manifest', manifest }));
      const into = join(folder, 'target');
      await unharmed(folder, async () => {
        const options = {
          source,
          manifest: await readManifest(source, manifestHash),
          manifestHash,
          clock: systemClock,
        };
        await restoreSnapshot({ ...options, target: Buffer.from(into), existing: 'overwrite' });
      });
      await tolerated(async () => {
        for await (const { path } of walkEntries(source, root)) assert.ok(path.length > 0);
      });
      await tolerated(() => findPath(source, manifest, Buffer.from('a/link/b')));
      await tolerated(async () => {
        const side = { nodes: source, entry: root };
        for await (const difference of diffTrees(side, side)) assert.ok(difference);
      });
      await tolerated(async () => {
        let bytes = 0;
        const onProblem = (_path: Uint8Array, code: string) => assert.notEqual(code, '');
        for await (const part of tarStream({ source, manifest, onProblem })) {
          bytes += part.length;
          // A file of zeros is as long as it says: who asked for it can break off.
          if (bytes > 4_000_000) break;
        }
      });
    },
    allocatedMax: () => 400_000_000,
    show: (tree) =>
      JSON.stringify(tree, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value)),
  };
  return [target] as Target<unknown>[] as Target<never>[];
}

async function tolerated(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isAppError(error)) throw error;
  }
}

/** Runs a restore, sees that nothing beside its target has changed, and takes the target away. */
async function unharmed(folder: string, restore: () => Promise<void>): Promise<void> {
  try {
    await restore();
  } finally {
    assert.deepEqual(
      readdirSync(folder).filter((name) => name !== 'target'),
      ['outside'],
    );
    assert.deepEqual(readdirSync(join(folder, 'outside')), ['victim']);
    assert.equal(readFileSync(join(folder, 'outside', 'victim'), 'utf8'), 'untouched');
    if (readdirSync(folder).length > 1) execFileSync('rm', ['-rf', '--', join(folder, 'target')]);
  }
}
