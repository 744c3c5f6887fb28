import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Mux } from '#link';
import { isAppError } from '#runtime';
import { connectAppliance } from '../client/connect-appliance.ts';
import { calm, scriptedOperations } from '../testing/scripted-operations.ts';
import { serveApi } from '../testing/served-api.ts';

/** Operations whose clients get every message back. */
function echoing() {
  return scriptedOperations({
    status: () => calm,
    serveClient: (mux: Mux) =>
      mux.serve('echo', async (channel) => {
        for (let got = await channel.receive(); got !== undefined; got = await channel.receive())
          await channel.send(got);
      }),
  });
}

const folders = [
  ['a short path', ''],
  ['a path longer than a socket may have', join('d'.repeat(90), 'e'.repeat(90))],
  ['a path with a colon, a space and a question mark', 'a: b?c'],
] as const;

for (const [what, folder] of folders) {
  test(`API and client protocol work at ${what}, and nothing is left behind`, async () => {
    const served = await serveApi(echoing(), folder);
    {
      await using appliance = await connectAppliance(served.stateFolder);
      assert.equal(appliance.isPrivate, false);
      assert.deepEqual(await appliance.api.call('status', {}), calm);
      const channel = await appliance.open('echo');
      const message = Buffer.alloc(300_000, 7);
      await channel.send(message);
      assert.deepEqual(Buffer.from((await channel.receive()) ?? []), message);
      await channel.end();
      assert.equal(await channel.receive(), undefined);
    }
    const open = new Set(readdirSync('/proc/self/fd'));
    await served[Symbol.asyncDispose]();
    assert.ok(readdirSync('/proc/self/fd').length < open.size);
    assert.equal(existsSync(join(served.stateFolder, 'control.sock')), false);
  });
}

test('the control socket is for its owner only, and a stale one does not matter', async () => {
  const first = await serveApi(echoing());
  assert.equal(statSync(join(first.stateFolder, 'control.sock')).mode & 0o777, 0o600);
  await first[Symbol.asyncDispose]();

  await using second = await serveApi(echoing(), '', (folder) => writeFileSync(join(folder, 'control.sock'), 'stale'));
  await using appliance = await connectAppliance(second.stateFolder);
  assert.equal((await appliance.api.call('status', {})).site, 'north');
});

test('the mask of files made later is what it was', async () => {
  const before = process.umask();
  await using _served = await serveApi(echoing());
  assert.equal(process.umask(), before);
});

test('a client under way hears that the appliance stops', async () => {
  const served = await serveApi(echoing());
  await using appliance = await connectAppliance(served.stateFolder);
  const channel = await appliance.open('echo');
  await channel.send(Buffer.from('x'));
  await channel.receive();
  await served[Symbol.asyncDispose]();
  await assert.rejects(channel.receive(), (error: Error) => isAppError(error.cause, 'appliance_stopping'));
});

test('a WebSocket anywhere else is refused', async () => {
  await using served = await serveApi(echoing());
  const { dialUnixWebSocket } = await import('#link');
  const { systemTimers } = await import('#runtime');
  const options = { timers: systemTimers, timeoutMs: 5000 };
  const path = join(served.stateFolder, 'control.sock');
  await assert.rejects(dialUnixWebSocket(path, '/link/v1', options), { code: 'dial_failed' });
});
