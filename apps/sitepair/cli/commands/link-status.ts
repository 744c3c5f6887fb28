import type { SitepairCommand } from '../command.ts';
import type { Invocation } from '../invocation.ts';
import { healthText } from './link-health-text.ts';
import { linkTable } from './pairing-text.ts';

/** How the links are, and what holds them back. */
export function addLinkStatus(link: SitepairCommand, invocation: Invocation): void {
  link
    .command('status')
    .summary('up or down, how fast, and what holds it back')
    .description(
      'Shows for each peer whether its link is up, what it does, what holds it back, and how far the peer is behind.',
    )
    .argument('[PEER]', 'only this one')
    .teach(
      [
        { run: 'sitepair link status', what: 'a sentence and the figures behind it, for each peer' },
        { run: 'sitepair link status south', what: 'only that one' },
        { run: 'sitepair link status --json | jq -e \'all(.[]; .link == "up")\'', what: 'for a monitor' },
      ],
      ['A backlog is given as the most that it can be: what the peer has already is known only once it is offered.'],
      'a paired link is down, or has stalled',
    )
    .action(async (peerName: string | undefined) => {
      await using appliance = await invocation.connect();
      const health = await appliance.api.call('linkHealth', peerName === undefined ? {} : { peer: peerName });
      const { peers: shown } = await appliance.api.call('status', {});
      // What is a peer no more has no link that could be up.
      const peers = shown.filter(({ peer, state }) => state !== 'removed' && (peerName ?? peer) === peer);
      const isBad = peers.some(({ state, link: now }) => state === 'paired' && now === 'down');
      if (isBad || health.some(({ stalledSeconds }) => stalledSeconds > 0)) invocation.exitCode = 3;
      const healthOf = (name: string) => health.find(({ peer }) => peer === name);
      const views = peers.map((peer) => ({ ...peer, health: healthOf(peer.peer) }));
      invocation.print(views, () => {
        if (peers.length === 0) return 'No peers: one site is one fire.';
        const texts = health.map((one) => healthText(one, invocation.clock.nowMs()));
        return [linkTable(peers), ...texts].join('\n\n');
      });
    });
}
