import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createIdentity } from '#keys';
import { isAppError, systemClock, systemRandom } from '#runtime';
import { testPeer } from '../testing/peer.ts';
import { AgentFile } from './agent-file.ts';
import { Invitations } from './invitations.ts';
import { KnownLosses } from './known-losses.ts';
import { PeerFile } from './peers.ts';
import { createStateFolder, type StatePaths } from './state-folder.ts';

const isRefused = (error: unknown) => isAppError(error, 'state_write_failed');

/** A state on whose disk this file cannot be replaced. */
async function withRefusing(
  file: (paths: StatePaths) => string,
  work: (paths: StatePaths, refuse: () => void) => void | Promise<void>,
): Promise<void> {
  const state = mkdtempSync(join(tmpdir(), 'sitepair-refused-'));
  try {
    const paths = createStateFolder(state);
    await work(paths, () => mkdirSync(`${file(paths)}.new`));
  } finally {
    rmSync(state, { recursive: true });
  }
}

test('a pairing that the disk has refused to keep is none', () =>
  withRefusing(
    ({ secret }) => join(secret, 'peers.json'),
    (paths, refuse) => {
      const peers = new PeerFile(paths);
      const peer = peers.put(testPeer({ joined: false }));
      refuse();
      assert.throws(() => peers.change(peer.siteId, { joined: true }), isRefused);
      assert.deepEqual(peers.all(), new PeerFile(paths).all());
      assert.equal(peers.find(peer.siteId)?.joined, false);
    },
  ));

test('an invitation that the disk has refused to keep opens no door', () =>
  withRefusing(
    ({ secret }) => join(secret, 'invitations.json'),
    (paths, refuse) => {
      const invitations = new Invitations(paths, systemClock, systemRandom);
      refuse();
      assert.throws(() => invitations.make(createIdentity(systemRandom), ['a:1'], 'full'), isRefused);
      assert.deepEqual(invitations.current(), []);
    },
  ));

test('an agent that the disk has refused to keep is none', () =>
  withRefusing(
    ({ secret }) => join(secret, 'agents.json'),
    (paths, refuse) => {
      const agents = new AgentFile(paths);
      refuse();
      const [agentId, identityKey, secret] = [new Uint8Array(16), new Uint8Array(32), new Uint8Array(32)];
      const agent = { agentId, name: 'laptop', identityKey, secret, enrolledSeconds: 0, revoked: false };
      assert.throws(() => agents.put(agent), isRefused);
      assert.deepEqual(agents.all(), []);
    },
  ));

test('a loss that the disk has refused to note counts all the same', () =>
  withRefusing(
    ({ root }) => join(root, 'losses.json'),
    ({ root }, refuse) => {
      const losses = new KnownLosses(root);
      refuse();
      assert.throws(() => losses.note('a pack is gone'), isRefused);
      assert.deepEqual(losses.reasons, ['a pack is gone']);
    },
  ));

test('a loss counts until its note is gone from the disk', () =>
  withRefusing(
    ({ root }) => join(root, 'losses.json'),
    ({ root }) => {
      const losses = new KnownLosses(root);
      losses.note('a pack is gone');
      const file = join(root, 'losses.json');
      rmSync(file);
      mkdirSync(file);
      assert.throws(() => losses.clear(), isRefused);
      assert.equal(losses.any, true);
      rmSync(file, { recursive: true });
      losses.clear();
      assert.equal(losses.any, false);
    },
  ));
