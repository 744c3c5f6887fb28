import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  globSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compareTrees } from '#snapshot';
import { changeFiles } from './change-files.ts';
import { compareRestored } from './compare-restored.ts';
import { checkRoom, chooseData, copyData } from './demo-data.ts';
import { removeTree } from './remove-tree.ts';

const never = new AbortController().signal;

function scratch() {
  const path = mkdtempSync(join(tmpdir(), 'sitepair-demo-files-'));
  return { path, at: (name: string) => join(path, name), [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

function sampleTree(folder: string): void {
  mkdirSync(join(folder, 'letters'), { recursive: true });
  for (let i = 0; i < 6; i++) writeFileSync(join(folder, 'letters', `${i}.txt`), `letter ${i}\n`.repeat(100 * (i + 1)));
  linkSync(join(folder, 'letters', '0.txt'), join(folder, 'second name'));
  symlinkSync('letters/1.txt', join(folder, 'link'));
  chmodSync(join(folder, 'letters', '2.txt'), 0o640);
  utimesSync(join(folder, 'letters', '3.txt'), 1_000_000, 1_000_000.5);
}

async function differences(a: string, b: string): Promise<string[]> {
  return (await compareTrees(Buffer.from(a), Buffer.from(b))).differences;
}

test("the copy that the demo works with is the user's folder, entry by entry", async () => {
  using folder = scratch();
  sampleTree(folder.at('source'));
  const data = chooseData(folder.at('source'));
  await copyData(data, folder.at('copy'), never);
  assert.deepEqual(await differences(folder.at('source'), folder.at('copy')), []);
  assert.ok(data.bytes > 10_000);
});

test('by default the demo takes its own sources and libraries, and leaves programs and history out', async () => {
  const { folder, parts = [], bytes } = chooseData(undefined);
  assert.ok(parts.includes('libs') && parts.includes('apps') && parts.includes('node_modules/commander'));
  assert.ok(!parts.includes('.git') && !parts.includes('node_modules'));
  assert.ok(parts.every((part) => existsSync(join(folder, part))));
  assert.ok(bytes > 10_000_000 && bytes < 50_000_000, `${bytes} bytes`);
});

test('what is no folder, and a folder that the demo itself would lie in, are refused with what to do', () => {
  using folder = scratch();
  writeFileSync(folder.at('file'), '');
  assert.throws(() => chooseData(folder.at('file')), { code: 'bad_path' });
  assert.throws(() => chooseData(folder.at('not there')), { code: 'bad_path' });
  mkdirSync(folder.at('work'));
  assert.throws(() => checkRoom(chooseData(folder.path), folder.at('work')), { code: 'bad_path', message: /within/ });
  const data = { ...chooseData(folder.path), bytes: Number.MAX_SAFE_INTEGER };
  mkdirSync(folder.at('elsewhere'));
  assert.throws(() => checkRoom({ ...data, folder: folder.at('work') }, folder.at('elsewhere')), { code: 'no_space' });
});

test('whatever was restored otherwise than it was fails the demo, by name', async () => {
  using folder = scratch();
  sampleTree(folder.at('source'));
  await copyData(chooseData(folder.at('source')), folder.at('restored'), never);
  assert.equal((await compareRestored(folder.at('source'), folder.at('restored'))).entries, 10);
  chmodSync(folder.at('restored/letters/1.txt'), 0o600);
  await assert.rejects(compareRestored(folder.at('source'), folder.at('restored')), {
    code: 'demo_failed',
    message: /letters\/1.txt: mode/,
  });
  chmodSync(folder.at('restored/letters/1.txt'), statSync(folder.at('source/letters/1.txt')).mode);
  const { mtimeNs } = statSync(folder.at('source/letters/3.txt'), { bigint: true });
  writeFileSync(folder.at('restored/letters/3.txt'), 'LETTER 3\n'.repeat(400));
  utimesSync(folder.at('restored/letters/3.txt'), Number(mtimeNs) / 1e9, Number(mtimeNs) / 1e9);
  await assert.rejects(compareRestored(folder.at('source'), folder.at('restored')), { message: /3.txt: content/ });
});

test("a day's work edits, deletes, renames and makes, and says how much of each", async () => {
  using folder = scratch();
  sampleTree(folder.at('files'));
  await copyData(chooseData(folder.at('files')), folder.at('before'), never);
  const changes = changeFiles(folder.at('files'));
  assert.deepEqual(changes, { edited: 2, deleted: 1, renamedFolders: 1, made: 6 });
  assert.ok(!existsSync(folder.at('files/letters')));
  const [renamed = ''] = globSync(folder.at('files/renamed-*'));
  assert.match(readFileSync(join(renamed, '0.txt'), 'utf8'), /not here yesterday/);
  assert.match(readFileSync(join(renamed, '5.txt'), 'utf8'), /letter 5\n*A line in the middle/);
  assert.notDeepEqual(await differences(folder.at('before'), folder.at('files')), []);
});

test('an empty folder can be changed too', () => {
  using folder = scratch();
  mkdirSync(folder.at('files'));
  assert.deepEqual(changeFiles(folder.at('files')), { edited: 0, deleted: 0, renamedFolders: 0, made: 6 });
});

test('folders that nobody may write to are removed like all others', () => {
  using folder = scratch();
  sampleTree(folder.at('tree/below'));
  chmodSync(folder.at('tree/below/letters'), 0o555);
  chmodSync(folder.at('tree/below'), 0);
  removeTree(folder.at('tree'));
  assert.ok(!existsSync(folder.at('tree')));
  assert.ok(statSync(folder.path).isDirectory());
});
