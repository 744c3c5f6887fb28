import { unreachable } from '#runtime';
import type { Invitation, PairingView } from '../../appliance/operations.ts';
import { formatTime } from '../format.ts';
import { table } from '../table.ts';

/** Peers as rows: who, what, and how the link is. */
export function linkTable(peers: readonly PairingView[]): string {
  return table([
    { head: 'PEER', cells: peers.map(({ peer }) => peer) },
    { head: 'ROLE', cells: peers.map(({ role }) => role) },
    { head: 'STATE', cells: peers.map(stateText) },
    { head: 'LINK', cells: peers.map(({ link, linkDetail }) => (linkDetail === '' ? link : `${link}: ${linkDetail}`)) },
    { head: 'ADDRESSES', cells: peers.map(({ addresses }) => addresses.join(' ')) },
  ]);
}

/** The six words, as both admins compare them. */
export function wordsText({ peer, words, fingerprint, role }: PairingView): string {
  return [
    `Peer ${peer} (${role}), fingerprint ${fingerprint}. The other site must show the same six words:`,
    '',
    `    ${words.join('  ')}`,
    '',
  ].join('\n');
}

/** What one end's pairing is now, in a sentence that says what comes next. */
export function pairingSentence(pairing: PairingView): string {
  const { peer, state, role } = pairing;
  switch (state) {
    case 'words':
      return `Compare the words with the admin of ${peer}, then: sitepair pair confirm ${peer}`;
    case 'waiting_for_peer':
      return `This end is confirmed. The admin of ${peer} must confirm too, there: sitepair pair confirm SITE`;
    case 'paired':
      return `Paired with ${peer}${role === 'blind' ? ', which holds what it cannot read' : ''}.`;
    case 'removed':
      return `${peer} is no peer any more.`;
    default:
      return unreachable(state);
  }
}

/** An invitation to carry: code, QR, and what to do with it. */
export async function invitationText(invitation: Invitation, use: string): Promise<string> {
  const { default: QRCode } = await import('qrcode');
  const qr = await QRCode.toString(invitation.code, { type: 'utf8', errorCorrectionLevel: 'L' });
  return [
    `Invitation, good once until ${formatTime(invitation.expiresAt)}, by ${invitation.addresses.join(' or ')}:`,
    '',
    invitation.code,
    '',
    qr,
    use,
  ].join('\n');
}

function stateText({ state }: PairingView): string {
  return state.replaceAll('_', ' ');
}
