import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import type { Link } from '#link';
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

test('what a peer could not take in for now is announced to it again', async () => {
  const state = mkdtempSync(`${tmpdir()}/sitepair-announce-`);
  try {
    const peers = new PeerFile(createStateFolder(state));
    const peer = peers.put(testPeer({ role: 'blind' }));
    const refusal = new AppError('full', { code: 'state_write_failed', advice: '', retryable: true });
    const failures: unknown[] = [];
    const taken = Promise.withResolvers<void>();
    const pauses: number[] = [];
    let refusals = 3;
    const link = {
      peer: { siteId: peer.siteId },
      closed: new Promise(() => undefined),
      open: async () => {
        if (refusals-- > 0) throw refusal;
        taken.resolve();
        return { send: async () => undefined, end: async () => undefined, receive: async () => undefined };
      },
    };
    const pairing = new Pairing({
      peers,
      timers: { ...systemTimers, after: systemTimers.after, sleep: async (ms: number) => void pauses.push(ms) },
      log: { introduction: () => ({ addresses: [] }), doorKit: () => ({}) },
      sealedKeyring: () => new Uint8Array(1),
      onFailure: (error: unknown) => failures.push(error),
    } as unknown as PairingOptions);
    await pairing.announceUntilTaken(link as unknown as Link);
    await taken.promise;
    assert.deepEqual(
      [failures, pauses],
      [
        [refusal, refusal, refusal],
        [1000, 2000, 4000],
      ],
    );
  } finally {
    rmSync(state, { recursive: true });
  }
});
