import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { asId } from '#model';
import { AppError, systemTimers } from '#runtime';
import { Pairing, type PairingOptions } from './pairing.ts';
import { type Peer, PeerFile } from './peers.ts';
import { createStateFolder } from './state-folder.ts';
import { Unpairing, type UnpairingOptions } from './unpairing.ts';

const key = new Uint8Array(32).fill(5);
const hostile: Peer = {
  siteId: asId('SiteId', new Uint8Array(16).fill(2)),
  name: 'south',
  role: 'full',
  ownRole: 'full',
  identityKey: key,
  secret: key,
  addresses: [],
  addressesAreSet: false,
  words: [],
  confirmedHere: true,
  confirmedThere: true,
  weInvited: true,
  joined: true,
  doorKey: key,
  realmId: new Uint8Array(16),
  kitId: new Uint8Array(8),
  kitPublicKey: key,
  removed: false,
};

test('a peer that does not answer when it is removed is removed all the same, before it is told', async () => {
  const state = mkdtempSync(`${tmpdir()}/sitepair-removal-`);
  try {
    const peers = new PeerFile(createStateFolder(state));
    peers.put(hostile);
    const dropped: unknown[] = [];
    const knownWhenTold: (Peer | undefined)[] = [];
    const link = {
      open: async () => {
        knownWhenTold.push(peers.find(hostile.siteId));
        return { send: async () => undefined, end: async () => undefined, receive: () => new Promise(() => undefined) };
      },
    };
    const unpairing = new Unpairing({
      peers,
      log: { removeMember: async () => undefined },
      links: () => ({ link: () => link, drop: async (siteId: Uint8Array) => void dropped.push(siteId) }),
      timers: { sleep: async () => undefined },
      onFailure: (error: unknown) => assert.fail(String(error)),
    } as unknown as UnpairingOptions);

    const { warnings } = await unpairing.remove('south');

    assert.deepEqual(knownWhenTold, [undefined]);
    assert.equal(dropped.length, 1);
    assert.match(warnings.join(), /could not be told/);
    assert.deepEqual(peers.all(), []);
  } finally {
    rmSync(state, { recursive: true });
  }
});

test('a peer that refuses a new keyring keeps it from no other', async () => {
  const state = mkdtempSync(`${tmpdir()}/sitepair-announce-`);
  try {
    const peers = new PeerFile(createStateFolder(state));
    const blind = { ...hostile, role: 'blind' as const };
    peers.put({ ...blind, name: 'south' });
    peers.put({ ...blind, name: 'west', siteId: asId('SiteId', new Uint8Array(16).fill(3)) });
    const refusal = new AppError('no', { code: 'not_paired', advice: '' });
    const failures: unknown[] = [];
    const told: string[] = [];
    const linkOf = (siteId: Uint8Array) => ({
      peer: { siteId },
      open: async () => {
        if (siteId[0] === 2) throw refusal;
        told.push('west');
        return { send: async () => undefined, end: async () => undefined, receive: async () => undefined };
      },
    });
    const pairing = new Pairing({
      peers,
      timers: systemTimers,
      log: { introduction: () => ({ addresses: [] }) },
      links: () => ({ link: linkOf }),
      sealedKeyring: () => new Uint8Array(1),
      onFailure: (error: unknown) => failures.push(error),
    } as unknown as PairingOptions);
    await pairing.announceToAll();
    assert.deepEqual([told, failures], [['west'], [refusal]]);
  } finally {
    rmSync(state, { recursive: true });
  }
});
