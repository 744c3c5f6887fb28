import type { ReplicateResult } from '../../appliance/operations.ts';
import type { SitepairCommand } from '../command.ts';
import { counted, formatBytes, formatDuration, formatLinkRate } from '../format.ts';
import type { Invocation } from '../invocation.ts';

const goesOn =
  'A running appliance goes on with it; without one, run the same command again: what the peer has is not sent again.';

export function addReplicate(program: SitepairCommand, invocation: Invocation): void {
  program
    .command('replicate')
    .summary('send snapshots to the peers')
    .description(
      "Sends what a peer lacks of this site's snapshots, and returns when the peer has proved that it holds all of it.",
    )
    .argument('[dataset]', 'only the snapshots of one dataset')
    .option('--to <peer>', 'only to this peer')
    .teach(
      [
        { run: 'sitepair replicate', what: 'everything, to every peer' },
        { run: 'sitepair replicate mail --to south', what: 'one dataset, to one peer' },
      ],
      ['Ctrl-C leaves; a running appliance goes on sending.'],
    )
    .action(async (dataset: string | undefined, { to }: { to?: string }) => {
      await using appliance = await invocation.connect();
      using interrupt = invocation.interrupt(goesOn);
      const ask = { ...(dataset === undefined ? {} : { dataset }), ...(to === undefined ? {} : { peer: to }) };
      const progress = invocation.progress('records', 'link');
      const result = await appliance.api
        .run('replicate', ask, { signal: interrupt.signal, onProgress: (now) => progress.show(now) })
        .finally(() => progress[Symbol.dispose]());
      invocation.print(result, () => replicateText(result));
    });
}

function replicateText({ peers }: ReplicateResult): string {
  if (peers.length === 0) return 'No peer to send to. Invite one: sitepair pair invite';
  return peers
    .map((result) => {
      const { peer, snapshots, alreadyThere, sentRecords, sentBytes, seconds } = result;
      const sent =
        snapshots === 0 ? `${peer} lacks nothing` : `${peer} now holds ${counted(snapshots, 'more snapshot')}`;
      const before = alreadyThere === 0 ? '' : `, and had ${counted(alreadyThere, 'snapshot')} already`;
      const rate = seconds > 0 ? ` (${formatLinkRate(sentBytes / seconds)})` : '';
      return `${sent}${before}. Sent ${formatBytes(sentBytes)} in ${counted(sentRecords, 'record')}, ${formatDuration(seconds)}${rate}.${savingsText(result)}`;
    })
    .join('\n');
}

function savingsText({ snapshots, contentBytes, newBytes, sentBytes, lineBytes }: ReplicateResult['peers'][number]) {
  if (snapshots === 0) return '';
  const raw = contentBytes === 0 ? '' : `${formatBytes(contentBytes)} of files, `;
  return `\n  ${raw}${formatBytes(newBytes)} new to the peer, ${formatBytes(sentBytes)} as sent, ${formatBytes(lineBytes)} on the line both ways`;
}
