import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startPrivateAppliance } from './private-appliance.ts';

let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sitepair-private-'));
});

after(() => rmSync(folder, { recursive: true }));

/** Something that stands in for the appliance: does `script`, and writes "left" once its stdin has closed. */
function stand(script: string): string {
  const file = join(folder, 'stand-in.mjs');
  const common = `import { writeFileSync } from 'node:fs';
const state = process.argv[process.argv.indexOf('--state') + 1];
process.stdin.resume().on('end', () => { writeFileSync(state + '/left', ''); process.exit(0); });
`;
  writeFileSync(file, common + script, { mode: 0o644 });
  return file;
}

test('it is ready when it says so, is asked for one state only, and leaves when its command lets go', async () => {
  const program = stand(`console.log('a line for people');
writeFileSync(state + '/argv', JSON.stringify(process.argv.slice(2)));
console.log(JSON.stringify({ ready: true }));`);
  const appliance = await startPrivateAppliance(folder, program);
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'argv'), 'utf8')), ['serve', '--state', folder, '--private']);
  assert.equal(existsSync(join(folder, 'left')), false);
  await appliance[Symbol.asyncDispose]();
  assert.equal(existsSync(join(folder, 'left')), true);
});

test("what keeps it from starting becomes the command's own error", async () => {
  const problem = {
    code: 'state_in_use',
    detail: 'another process uses it',
    why: '',
    advice: 'Wait.',
    retryable: true,
  };
  const refused = stand(
    `console.log(${JSON.stringify(JSON.stringify({ error: { ...problem, details: {} } }))}); process.exit(1);`,
  );
  await assert.rejects(startPrivateAppliance(folder, refused), {
    code: 'state_in_use',
    message: 'another process uses it',
    advice: 'Wait.',
    retryable: true,
  });
  await assert.rejects(startPrivateAppliance(folder, stand('process.exit(7);')), (error: Error) => {
    assert.match(String(error.cause), /it ended with status 7/);
    return true;
  });
});

test("root starts it as the state's owner", { skip: process.geteuid?.() === 0 ? false : 'needs root' }, async () => {
  const program =
    stand(`writeFileSync(state + '/who', [process.getuid(), process.getgid(), process.getgroups()].join());
console.log(JSON.stringify({ ready: true }));`);
  const state = mkdtempSync(join(tmpdir(), 'sitepair-owned-'));
  try {
    chmodSync(folder, 0o755);
    chownSync(state, 12_345, 12_346);
    await (await startPrivateAppliance(state, program))[Symbol.asyncDispose]();
    assert.match(readFileSync(join(state, 'who'), 'utf8'), /^12345,12346,(12346)?$/);
  } finally {
    rmSync(state, { recursive: true });
  }
});
