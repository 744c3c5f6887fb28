import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DomainId, type RecordId, splitIds } from '#model';
import { isAppError } from '#runtime';
import { RecordKind, type RecordView } from '#wire';
import { missingFrom, type RecordPlace, type RecordStore } from './index.ts';
import { nodeLevelsMax, ReferenceChains } from './reference-chains.ts';
import { ClosureWalk } from './walk-closure.ts';

const domainId = new Uint8Array(8) as DomainId;
type Below = (node: number) => readonly number[];

function idsOf(numbers: readonly number[]): RecordId[] {
  const bytes = new Uint8Array(20 * numbers.length);
  const view = new DataView(bytes.buffer);
  numbers.forEach((n, i) => void view.setUint32(20 * i + 16, n));
  return splitIds('RecordId', bytes);
}

const idOf = (n: number) => idsOf([n])[0] as RecordId;
const byte = (id: RecordId, at: number) => id[at] ?? 0;
const numberOf = (id: RecordId) => (byte(id, 17) << 16) | (byte(id, 18) << 8) | byte(id, 19);

/** A store without a byte in it: node n refers to below(n), and what `nodes` does not contain is a leaf. */
class ImaginedStore implements RecordStore {
  readonly isNode: (n: number) => boolean;
  readonly below: Below;
  readonly lost = new Set<number>();
  reads: number[] = [];
  lookUps = 0;

  constructor(isNode: (n: number) => boolean, below: Below) {
    this.isNode = isNode;
    this.below = below;
  }

  append(): Promise<void> {
    throw new Error('nothing is written here');
  }

  flush(): Promise<void> {
    throw new Error('nothing is written here');
  }

  isPending(): boolean {
    return false;
  }

  async locateMany(_: DomainId, ids: readonly RecordId[]): Promise<(RecordPlace | undefined)[]> {
    this.lookUps += ids.length;
    return ids.map(numberOf).map((n) => {
      const kind = this.isNode(n) ? RecordKind.node : RecordKind.leaf;
      return this.lost.has(n) ? undefined : { pack: 1, offset: n, length: 1000, kind };
    });
  }

  read(): Promise<RecordView | undefined> {
    throw new Error('every place stays');
  }

  async readAt({ offset }: RecordPlace): Promise<RecordView> {
    this.reads.push(offset);
    return { references: idsOf(this.below(offset)) } as unknown as RecordView;
  }
}

const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

async function walked(store: RecordStore, root: number, base?: number, nodesHeldMax?: number) {
  const walk = new ClosureWalk(store, domainId, {}, nodesHeldMax);
  const numbers = new Set<number>();
  let [steps, repeats, heldMax] = [0, 0, 0];
  for await (const step of walk.steps(idOf(root), base === undefined ? undefined : idOf(base))) {
    assert.equal(step.missing.length, 0);
    for (const n of step.records.flatMap(({ ids }) => ids.map(numberOf))) {
      if (numbers.has(n)) repeats += 1;
      numbers.add(n);
    }
    heldMax = Math.max(heldMax, walk.heldIds);
    steps += 1;
  }
  return { numbers: [...numbers].sort((a, b) => a - b), steps, repeats, heldMax };
}

test('a million leaves below a few nodes are proved without being collected', async () => {
  // The root 0 refers to 16 nodes, and each of these to 62,500 leaves.
  const store = new ImaginedStore(
    (n) => n <= 16,
    (n) => (n === 0 ? range(1, 16) : range(100 + (n - 1) * 62_500, 62_500)),
  );
  const { numbers, steps, heldMax } = await walked(store, 0);
  assert.equal(numbers.length, 1_000_017);
  assert.ok(steps < 300, `${steps} steps, of up to 4096 ids each`);
  assert.ok(heldMax < 150_000, `${heldMax} ids held at once`);
});

test('a level with more nodes than there is room for is walked in sections, and none of it left out', async () => {
  // 4 x 5000 nodes on one level, each with one leaf.
  const store = new ImaginedStore(
    (n) => n < 1_000_000,
    (n) => (n === 0 ? range(1, 4) : n <= 4 ? range(1000 + (n - 1) * 5000, 5000) : [n + 1_000_000]),
  );
  const { numbers, repeats, heldMax } = await walked(store, 0, undefined, 10_000);
  assert.deepEqual([numbers.length, repeats], [40_005, 0]);
  // 4 is read again for the last section, after the nodes of the first ones.
  assert.ok(store.reads.lastIndexOf(4) > 10_000, `${store.reads.lastIndexOf(4)} reads before`);
  // Two sections, the leaves that were looked up lately, and every node once, to tell a circle by.
  assert.ok(heldMax < 20_005 + 20_000 + 3 * 4096, `${heldMax} ids held at once`);
});

test('what the base has at the same level is left out with all below it, and only there', async () => {
  // Snapshot 0 -> 1, 2; base 10 -> 1, 3. 1 is common. 2 -> 4, 5, 30; 3 -> 5, 31: 5 is common at the third level.
  // 30 -> 1: the base has it one level higher only.
  const references: Record<number, number[]> = {
    0: [1, 2],
    10: [1, 3],
    1: [100],
    2: [4, 5, 30],
    3: [5, 31],
    4: [104],
    5: [105],
    30: [1],
    31: [131],
  };
  const store = new ImaginedStore(
    (n) => n in references,
    (n) => references[n] ?? [],
  );
  const { numbers } = await walked(store, 0, 10);
  assert.deepEqual(numbers, [0, 1, 2, 4, 30, 100, 104]);
  assert.deepEqual((await walked(store, 0, 0)).numbers, []);
});

test('nodes that refer to each other, or to themselves, are refused as soon as the chain is longer than there are nodes', async () => {
  const circles: Below[] = [() => [0], (n) => [1 - n], (n) => [(n + 1) % 50, (n + 7) % 50]];
  for (const below of circles) {
    const store = new ImaginedStore(() => true, below);
    await assert.rejects(missingFrom(store, domainId, idOf(0), undefined), isImpossible);
    assert.ok(store.reads.length < 3000, `${store.reads.length} reads`);
  }
});

test('more levels than the format allows are refused', () => {
  const chains = new ReferenceChains();
  const place = { pack: 1, offset: 0, length: 1, kind: RecordKind.node };
  for (let level = 0; level < nodeLevelsMax; level++) chains.enter(level, [{ id: idOf(level), place }]);
  assert.equal(nodeLevelsMax, 131_105);
  assert.throws(() => chains.enter(nodeLevelsMax, [{ id: idOf(nodeLevelsMax), place }]), isImpossible);
});

test('a folder that lies in the tree at many depths is no circle', async () => {
  // n refers to n + 1 and n + 2: every node is met at many levels.
  const store = new ImaginedStore(
    (n) => n < 300,
    (n) => [n + 1, n + 2],
  );
  assert.deepEqual(await missingFrom(store, domainId, idOf(0), undefined), []);
});

test('a walk stops at the next batch when its session ends, and tells that it gets on until then', async () => {
  const store = new ImaginedStore(
    () => true,
    (n) => range(n * 10 + 1, 10),
  );
  const ended = new AbortController();
  let batches = 0;
  const onProgress = () => {
    batches += 1;
    if (batches === 20) ended.abort(new Error('the line is gone'));
  };
  await assert.rejects(missingFrom(store, domainId, idOf(0), undefined, { signal: ended.signal, onProgress }), {
    message: 'the line is gone',
  });
  assert.equal(batches, 20);
});

function isImpossible(error: unknown): boolean {
  return isAppError(error, 'references_impossible');
}
