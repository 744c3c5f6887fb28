import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { systemTimers } from '#runtime';
import { connectAppliance } from '../../apps/sitepair/client/connect-appliance.ts';
import { startPrivateAppliance } from '../../apps/sitepair/client/private-appliance.ts';
import { programArguments, TestSite, testFolder, until } from '../kit/test-site.ts';

/** What a process says on its error stream, from now on. */
function errorsOf(child: ChildProcess): () => string {
  let said = '';
  child.stderr?.on('data', (part) => {
    said += String(part);
  });
  return () => said;
}

test('a private appliance serves a second command to its end, and a serve that comes meanwhile waits for it', async () => {
  using folder = testFolder('private');
  const site = await TestSite.init(folder.path, 'north');
  const first = await startPrivateAppliance(site.state);
  const second = await connectAppliance(site.state);
  assert.equal(second.isPrivate, false, 'it found the one that runs');
  let isGone = false;
  const gone = first[Symbol.asyncDispose]().then(() => {
    isGone = true;
  });
  // As long as a status takes, the first command has let go already.
  assert.equal((await second.api.call('status', {})).site, 'north');
  await systemTimers.sleep(300);
  assert.equal(isGone, false);
  assert.equal((await second.api.call('status', {})).site, 'north');

  const [node = '', ...args] = programArguments('serve', '--state', site.state);
  const serve = spawn(node, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = errorsOf(serve);
  const isUp = once(serve.stdout, 'data');
  await until(async () => /waiting 5 s for it to leave/.test(said()), 'serve to say that it waits');
  await second[Symbol.asyncDispose]();
  await gone;
  assert.match(String((await isUp)[0]), /Site north is up/);
  serve.kill('SIGTERM');
  assert.deepEqual(await once(serve, 'close'), [0, null]);
});

test('an appliance that stops does not wait for a command that only stays connected', async () => {
  using folder = testFolder('private-held');
  await using site = await TestSite.init(folder.path, 'north');
  await site.serveUnreachable();
  await using _held = await connectAppliance(site.state);
  await site.stop();
});
