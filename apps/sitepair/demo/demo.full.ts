import assert from 'node:assert/strict';
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemCode, systemTimers } from '#runtime';
import { startCommand } from '../testing/run-command.ts';

/** A few files, a folder in which the demo makes its own, and the demo under way with both. */
function startDemo(...options: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'sitepair-demo-test-'));
  const [data, work] = [join(folder, 'data'), join(folder, 'work')];
  mkdirSync(join(data, 'below'), { recursive: true });
  mkdirSync(work);
  for (let i = 0; i < 5; i++) writeFileSync(join(data, 'below', `${i}.txt`), `file ${i}\n`.repeat(1000));
  const command = startCommand(['demo', data, ...options], { TMPDIR: work });
  return {
    command,
    async southIsUp(): Promise<void> {
      const log = () => globSync(join(work, '*', 'south.log'))[0];
      while (!readFileSync(log() ?? '/dev/null', 'utf8').includes('is up')) await systemTimers.sleep(5);
    },
    processes: () => processesNaming(work),
    /** What the demo has left: files, and processes that name its folder. */
    left: () => [...readdirSync(work), ...processesNaming(work)],
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function processesNaming(text: string): { readonly pid: number; readonly line: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), line: commandLineOf(name) }))
    .filter(({ line }) => line.includes(text));
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(join('/proc', pid, 'cmdline'), 'utf8');
  } catch (error) {
    assert.ok(['ENOENT', 'ESRCH'].includes(systemCode(error) ?? ''));
    return '';
  }
}

test('the demo tells its figures, succeeds, and leaves nothing behind', async () => {
  using demo = startDemo('--json');
  const { status, stdout, stderr } = await demo.command.ended;
  assert.equal(status, 0, stdout + stderr);
  const { steps } = JSON.parse(stdout);
  assert.deepEqual(Object.keys(steps), [
    ...['sites', 'pairing', 'firstBackup', 'secondBackup', 'killedSender', 'fire', 'rebuild', 'scrub'],
  ]);
  assert.equal(steps.pairing.words.length, 6);
  assert.equal(steps.firstBackup.files, 5);
  assert.equal(steps.rebuild.snapshots, 3);
  const { fileBytes, keptBytes, resumedBytes } = steps.killedSender;
  assert.ok(keptBytes > 0 && resumedBytes < fileBytes);
  assert.ok(steps.fire.bytes > fileBytes);
  assert.deepEqual(demo.left(), []);
});

test('a site that dies under the demo fails it, loudly, and nothing is left behind', async () => {
  using demo = startDemo();
  await demo.southIsUp();
  const [south] = demo.processes().filter(({ line }) => line.includes('--listen'));
  process.kill(south?.pid ?? 0, 'SIGKILL');
  const { status, stdout, stderr } = await demo.command.ended;
  assert.equal(status, 1);
  assert.match(stderr, /--- the end of .*south\.log\n.*is up/);
  assert.match(stderr, /\nsitepair: step [12] .*\n {2}why: .*\n {2}to do: {2}This is a fault of Sitepair/);
  assert.ok(!stdout.includes('All of it held'));
  assert.deepEqual(demo.left(), []);
});

test('Ctrl-C, also twice, stops the demo and leaves nothing behind', async () => {
  using demo = startDemo();
  await demo.southIsUp();
  demo.command.interrupt();
  demo.command.interrupt();
  const { status, stderr } = await demo.command.ended;
  assert.equal(status, 1);
  assert.match(stderr, /sitepair: the demo was stopped before its end/);
  assert.deepEqual(demo.left(), []);
});
