import type { Peer, PeerEnd } from './peers.ts';

/** How a pairing ended: what happened and when, what it means, what to do. Empty for one that has not. */
export function endedSentence({ name, ended, role, ownRole }: Peer): string {
  if (ended === undefined) return '';
  const at = formatMinute(ended.atSeconds);
  const dismiss = `"sitepair pair remove ${name}" takes this off the list.`;
  switch (ended.by) {
    case 'here':
      return ended.told
        ? `This site has ended the pairing with ${name} (${at}). ${dismiss}`
        : `This site has ended the pairing with ${name} (${at}); ${name} is told when it next dials. ${dismiss}`;
    case 'member_removed_peer':
      return `${name} was removed from the realm by another member (seen here ${at}): its link is closed, new data keys do not reach it. ${dismiss}`;
    case 'member_removed_us':
      return `This site was removed from the realm by one of its members (seen here ${at}): ${alone(name)} ${dismiss}`;
    case 'peer':
      return `${endedThere(name, ended, role, ownRole, at)} ${dismiss}`;
  }
}

function endedThere(name: string, ended: PeerEnd, role: Peer['role'], ownRole: Peer['ownRole'], at: string): string {
  if (!ended.wasPaired)
    return `${name} has called the pairing off (${at}): if its admin saw other words than you, somebody may be between the sites. Ask, then invite anew.`;
  if (role === 'blind')
    return `${name} has ended the pairing (${at}): it keeps no copies for this site any more. Pair with another site: "sitepair pair invite".`;
  if (ownRole === 'blind')
    return `${name} has ended the pairing (${at}): nothing more comes to be kept here. What it stored still lies under "vaults" in the state folder.`;
  return `${name} has removed this site from the realm (${at}): ${alone(name)}`;
}

function alone(name: string): string {
  return (
    `nothing goes to ${name} or comes from there any more, and what it has it can still read. ` +
    'Backups go on here, under a new data key, and everything here can be restored; but one site is one fire. ' +
    'A removed site pairs again only when it is made anew ("sitepair init" in another state folder).'
  );
}

function formatMinute(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
