import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { asId, type SiteId } from '#model';
import { isAppError } from '#runtime';
import { testPeer } from '../testing/peer.ts';
import { endedSentence } from './ended-pairing.ts';
import { type Peer, PeerFile } from './peers.ts';
import { createStateFolder, type StatePaths, statePaths } from './state-folder.ts';
import { Unpairing } from './unpairing.ts';

const own = asId('SiteId', new Uint8Array(16).fill(1));
const west = testPeer({ name: 'west', siteId: asId('SiteId', new Uint8Array(16).fill(3)) });

interface Lab {
  readonly unpairing: Unpairing;
  readonly peers: PeerFile;
  readonly paths: StatePaths;
  /** What was done, in order. */
  readonly done: string[];
  /** Who removed whom, by the catalog. */
  readonly removals: { readonly by: SiteId; readonly target: SiteId }[];
  isUp: boolean;
}

async function withPeers(peers: readonly Peer[], work: (lab: Lab) => Promise<void>): Promise<void> {
  const state = mkdtempSync(`${tmpdir()}/sitepair-unpairing-`);
  try {
    createStateFolder(state);
    const paths = statePaths(state);
    const file = new PeerFile(paths);
    for (const peer of peers) file.put(peer);
    const done: string[] = [];
    const removals: Lab['removals'] = [];
    const nameOf = (siteId: Uint8Array) => peers.find((peer) => Buffer.compare(peer.siteId, siteId) === 0)?.name;
    const unpairing = new Unpairing({
      peers: file,
      log: { removeMember: async (peer) => void done.push(`logged ${peer.name}`) },
      realm: {
        removedSites: () => removals.map(({ target }) => target),
        removersOf: (siteId) => removals.filter((one) => one.target === siteId).map(({ by }) => by),
      },
      ownSiteId: own,
      links: () => ({
        link: () => (lab.isUp ? ({} as never) : undefined),
        drop: async (siteId, reason) => {
          assert.equal(file.find(siteId), undefined, 'the trust ends before the link');
          done.push(`dropped ${nameOf(siteId)} with ${reason.code}`);
        },
      }),
      nowSeconds: () => 1_800_000_000,
      rotateDataKey: async () => void done.push('rotated'),
      onFailure: (error) => assert.fail(String(error)),
    });
    const lab: Lab = { unpairing, peers: file, paths, done, removals, isUp: true };
    await work(lab);
  } finally {
    rmSync(state, { recursive: true });
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('who removes a full member logs it, cuts the link with the word that tells it, and seals under a new key', async () => {
  await withPeers([testPeer(), west], async ({ unpairing, peers, done }) => {
    const { warnings } = await unpairing.remove('south');
    assert.deepEqual(done, ['logged south', 'dropped south with pairing_ended', 'rotated']);
    assert.match(warnings.join(), /can still read/);
    assert.deepEqual([peers.all().map(({ name }) => name), peers.ended()[0]?.ended?.by], [['west'], 'here']);
  });
});

test('a blind peer had no key and is no full member: nothing is rotated', async () => {
  await withPeers([testPeer({ role: 'blind' })], async ({ unpairing, done }) => {
    await unpairing.remove('south');
    assert.deepEqual(done, ['dropped south with pairing_ended']);
  });
});

test('a peer that cannot be told is removed all the same, and is told when it comes back within a month', async () => {
  await withPeers([testPeer()], async (lab) => {
    lab.isUp = false;
    const { warnings } = await lab.unpairing.remove('south');
    assert.match(warnings.join(), /told when it next dials/);
    const { siteId } = testPeer();
    assert.deepEqual(lab.peers.toBeTold(1_800_000_000 + 86_400)[0]?.siteId, siteId);
    assert.deepEqual(lab.peers.toBeTold(1_800_000_000 + 31 * 86_400), []);
  });
});

test('a site that its peer has removed drops the link in the same turn, rotates, and says so until it is dismissed', async () => {
  await withPeers([testPeer()], async ({ unpairing, peers, paths, done }) => {
    const ended = unpairing.endedThere(testPeer().siteId);
    assert.deepEqual(done, ['dropped south with pairing_ended', 'rotated']);
    await ended;
    await unpairing.endedThere(testPeer().siteId);
    assert.equal(done.length, 2, 'twice is once');
    const [shown] = new PeerFile(paths).ended();
    assert.ok(shown);
    assert.match(endedSentence(shown), /^south has removed this site from the realm \(2027-01-15 08:00 UTC\): /);
    assert.match(endedSentence(shown), /init/);
    assert.deepEqual(await unpairing.remove('south'), { warnings: [] });
    assert.deepEqual([peers.ended(), new PeerFile(paths).ended()], [[], []]);
    await assert.rejects(unpairing.remove('south'), (error) => isAppError(error, 'peer_unknown'));
  });
});

test('a pairing that is called off before it is complete rotates nothing and warns of somebody in between', async () => {
  const half = testPeer({ confirmedThere: false, joined: false });
  await withPeers([half], async ({ unpairing, peers, done }) => {
    await unpairing.endedThere(half.siteId);
    assert.deepEqual(done, ['dropped south with pairing_ended']);
    assert.match(peers.ended().map(endedSentence).join(), /somebody may be between/);
  });
});

test('whom another member has removed is dropped in the turn in which the catalog says so', async () => {
  await withPeers([testPeer(), west], async ({ unpairing, peers, done, removals }) => {
    unpairing.followRealm();
    assert.deepEqual(done, []);
    removals.push({ by: west.siteId, target: testPeer().siteId });
    unpairing.followRealm();
    assert.deepEqual(done, ['dropped south with pairing_ended']);
    await settle();
    assert.equal(done.length, 1, 'the remover makes the new key');
    assert.equal(peers.ended()[0]?.ended?.by, 'member_removed_peer');
  });
});

test('a site that the realm has removed loses all its members at once, and makes one key for itself', async () => {
  await withPeers([testPeer(), west], async ({ unpairing, peers, done, removals }) => {
    removals.push({ by: west.siteId, target: own });
    unpairing.followRealm();
    await settle();
    assert.deepEqual(done, ['dropped south with pairing_ended', 'dropped west with pairing_ended', 'rotated']);
    assert.deepEqual(
      peers.ended().map(({ name, ended }) => [name, ended?.by]),
      [
        ['south', 'member_removed_us'],
        ['west', 'peer'],
      ],
    );
  });
});
