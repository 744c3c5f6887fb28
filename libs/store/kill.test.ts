import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { asId } from '#model';
import { fromHex } from '#runtime';
import { folderVolumes, openTestStore, temporaryFolder } from './testing/open-store.ts';
import { testDomain } from './testing/records.ts';

test('a process killed in the middle of its work has told of no record that is not there', async (t) => {
  const folder = temporaryFolder(t);
  const acknowledged: string[] = [];
  for (const lines of [1, 40, 150]) acknowledged.push(...(await appendUntilKilled(folder, lines)));
  assert.ok(acknowledged.length > 190);
  const volumes = await folderVolumes(t, join(folder, 'packs'));
  const { store, notices } = await openTestStore(volumes, join(folder, 'index'));
  const ids = acknowledged.map((line) => asId('RecordId', fromHex(line)));
  assert.ok((await store.has(testDomain, ids)).every(Boolean));
  for (const id of ids) await store.read(testDomain, id);
  assert.deepEqual(notices, []);
  const findings = [];
  for await (const finding of store.scrub()) findings.push(finding);
  assert.deepEqual(findings, []);
  await store.close();
});

/** Starts a process that appends for ever, kills it after it has told of so many ids, and gives all it told of. */
async function appendUntilKilled(folder: string, lines: number): Promise<string[]> {
  const script = fileURLToPath(new URL('./testing/append-for-ever.ts', import.meta.url));
  const child = spawn(process.execPath, [script, folder, String(lines)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    told += text;
    if (told.split('\n').length > lines) child.kill('SIGKILL');
  });
  const [code, signal] = await once(child, 'close');
  assert.deepEqual([code, signal], [null, 'SIGKILL']);
  // The last line may be torn: nobody has read it as an id.
  return told.split('\n').slice(0, -1);
}
