import type { SitepairCommand } from '../command.ts';
import type { Invocation } from '../invocation.ts';
import { addLinkHistory } from './link-history.ts';
import { addLinkLimits } from './link-limits.ts';
import { addLinkStatus } from './link-status.ts';
import { addLinkTest } from './link-test.ts';
import { addLinkWatch } from './link-watch.ts';

/** The group `link`: how the links are, and how much of the line they may take. */
export function addLink(program: SitepairCommand, invocation: Invocation): void {
  const link = program
    .command('link')
    .summary('the connections to the peers')
    .description('Shows how the links to the peers are and were, and sets how much of the line they may take.')
    .teach([{ run: 'sitepair link status', what: 'up or down, how fast, and what holds it back' }]);
  addLinkStatus(link, invocation);
  addLinkWatch(link, invocation);
  addLinkHistory(link, invocation);
  addLinkTest(link, invocation);
  addLinkLimits(link, invocation);
}
