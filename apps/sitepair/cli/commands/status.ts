import type { Status } from '../../appliance/operations.ts';
import type { SitepairCommand } from '../command.ts';
import { counted, formatBytes } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import { facts } from '../table.ts';
import { linkTable } from './pairing-text.ts';

export function addStatus(program: SitepairCommand, invocation: Invocation): void {
  program
    .command('status')
    .summary('how the appliance and its peers are')
    .description('Shows what needs attention first, then the site, its store and its peers.')
    .teach(
      [
        { run: 'sitepair status', what: 'for people' },
        {
          run: "sitepair status --json | jq -e '.attention == []'",
          what: 'for a monitor: fails while something needs an admin',
        },
      ],
      [],
      'something needs attention',
    )
    .action(async () => {
      await using appliance = await invocation.connect();
      const status = await appliance.api.call('status', {});
      if (status.attention.length > 0) invocation.exitCode = 3;
      invocation.print(status, () => statusText(status, appliance.isPrivate));
    });
}

function statusText(status: Status, isPrivate: boolean): string {
  const { store } = status;
  const verdict =
    status.attention.length === 0 ? ['Nothing needs attention.'] : status.attention.map((text) => `! ${text}`);
  const about = facts([
    ['site', status.address === '' ? status.site : `${status.site}, ${status.address}`],
    ['appliance', isPrivate ? `not running (version ${status.version})` : `running, version ${status.version}`],
    ['listening', status.listening.length === 0 ? 'no' : status.listening.join(', ')],
    ['store', `${formatBytes(store.bytes)} in ${counted(store.packs, 'pack')}, ${counted(store.records, 'record')}`],
    ['free', formatBytes(store.freeBytes)],
  ]);
  const parts = [verdict.join('\n'), about];
  if (status.peers.length > 0) parts.push(linkTable(status.peers));
  return parts.join('\n\n');
}
