import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { asId } from '#model';
import { AppError, systemTimers } from '#runtime';
import { testPeer } from '../testing/peer.ts';
import { Pairing, type PairingOptions } from './pairing.ts';
import { PeerFile } from './peers.ts';
import { createStateFolder } from './state-folder.ts';

test('a peer that refuses a new keyring keeps it from no other', async () => {
  const state = mkdtempSync(`${tmpdir()}/sitepair-announce-`);
  try {
    const peers = new PeerFile(createStateFolder(state));
    const blind = testPeer({ role: 'blind' });
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
      log: { introduction: () => ({ addresses: [] }), doorKit: () => ({}) },
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
