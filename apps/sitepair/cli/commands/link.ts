import type { SitepairCommand } from '../command.ts';
import type { Invocation } from '../invocation.ts';
import { addLinkLimits } from './link-limits.ts';
import { linkTable } from './pairing-text.ts';

/** The group `link`: how the links are, and how much of the line they may take. */
export function addLink(program: SitepairCommand, invocation: Invocation): void {
  const link = program
    .command('link')
    .summary('the connections to the peers')
    .description('Shows how the links to the peers are.')
    .teach([{ run: 'sitepair link status', what: 'up or down, since when or why' }]);
  addStatus(link, invocation);
  addLinkLimits(link, invocation);
}

function addStatus(link: SitepairCommand, invocation: Invocation): void {
  link
    .command('status')
    .summary('up or down, and why')
    .description('Shows for each peer whether its link is up, since when, or why it is not.')
    .teach(
      [
        { run: 'sitepair link status', what: 'one line a peer' },
        { run: 'sitepair link status --json | jq -e \'all(.[]; .link == "up")\'', what: 'for a monitor' },
      ],
      [],
      'a paired link is down',
    )
    .action(async () => {
      await using appliance = await invocation.connect();
      const { peers: shown } = await appliance.api.call('status', {});
      // What is a peer no more has no link that could be up.
      const peers = shown.filter(({ state }) => state !== 'removed');
      if (peers.some(({ state, link }) => state === 'paired' && link === 'down')) invocation.exitCode = 3;
      invocation.print(peers, () => (peers.length === 0 ? 'No peers: one site is one fire.' : linkTable(peers)));
    });
}
