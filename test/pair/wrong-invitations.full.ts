import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestSite, testFolder } from '../kit/test-site.ts';

interface PeerLine {
  readonly state: string;
}

async function invitationOf(site: TestSite, address: string): Promise<string> {
  return (await site.json<{ code: string }>('pair', 'invite', '--address', address)).code;
}

/** The same code with one character exchanged. */
function mistyped(code: string): string {
  const at = Math.floor(code.length / 2);
  return `${code.slice(0, at)}${code[at] === 'A' ? 'B' : 'A'}${code.slice(at + 1)}`;
}

test('an invitation that is garbled, refused or used is told as that, and what was refused uses up nothing', async () => {
  using root = testFolder('invitations');
  mkdirSync(join(root.path, 'elsewhere'));
  await using north = await TestSite.init(root.path, 'north');
  await using south = await TestSite.init(root.path, 'south');
  await using namesake = await TestSite.init(join(root.path, 'elsewhere'), 'south');
  const address = await north.serve();
  await south.serve();
  await namesake.serve();

  assert.equal(await south.failureCode('replicate'), 'no_peer');
  const code = await invitationOf(north, address);
  for (const garbled of ['nonsense', mistyped(code), code.slice(0, -6)])
    assert.equal(await south.failureCode('pair', 'accept', garbled, '--yes'), 'invitation_unreadable', garbled);
  assert.equal(await north.failureCode('pair', 'accept', code, '--yes'), 'same_site');
  assert.deepEqual(await north.json('pair', 'list'), []);

  await south.ok('pair', 'accept', code, '--yes');
  assert.equal(await namesake.failureCode('pair', 'accept', code, '--yes'), 'invitation_used');
  const [waiting] = await south.json<PeerLine[]>('pair', 'list');
  assert.equal(waiting?.state, 'waiting_for_peer');
  assert.equal(await north.failureCode('replicate'), 'no_peer');
  await north.ok('pair', 'confirm', 'south', '--yes');

  const next = await invitationOf(north, address);
  assert.equal(await namesake.failureCode('pair', 'accept', next, '--yes'), 'same_site_name');
  assert.deepEqual(await namesake.json('pair', 'list'), []);
  assert.equal(await south.failureCode('pair', 'accept', next, '--yes'), 'already_paired');

  for (const command of [
    ['replicate', '--to', 'mars'],
    ['pair', 'remove', 'mars', '--yes'],
  ])
    assert.equal(await north.failureCode(...command), 'peer_unknown', command.join(' '));

  await north.stop();
  assert.equal(await namesake.failureCode('pair', 'accept', next, '--yes'), 'inviter_unreachable');
});
