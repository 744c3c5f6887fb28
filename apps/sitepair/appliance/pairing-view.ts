import { siteFingerprint } from '#keys';
import type { LinkState } from '#link';
import { toHex } from '#runtime';
import { endedSentence } from './ended-pairing.ts';
import type { PairingView } from './operations.ts';
import type { Peer } from './peers.ts';

/** A peer, or a pairing under way, as people see it. */
export function pairingView(peer: Peer, state: LinkState): PairingView {
  const detail = 'reason' in state && state.reason !== undefined ? `: ${state.reason.message}` : '';
  const both = peer.confirmedHere && peer.confirmedThere;
  return {
    peer: peer.name,
    siteId: toHex(peer.siteId),
    role: peer.role,
    state: peer.removed ? 'removed' : both ? 'paired' : peer.confirmedHere ? 'waiting_for_peer' : 'words',
    words: both ? [] : peer.words,
    fingerprint: siteFingerprint(peer.identityKey),
    addresses: peer.addresses,
    link: state.state === 'up' ? 'up' : state.state === 'stopped' ? 'none' : 'down',
    ended: endedSentence(peer),
    linkDetail: peer.removed
      ? ''
      : state.state === 'dialling'
        ? `dialling ${state.address}`
        : `${state.state}${detail}`,
  };
}
