import type { LinkTestView } from '../../appliance/link-test-view.ts';
import type { SitepairCommand } from '../command.ts';
import { formatDuration, formatLinkRate } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import { facts } from '../table.ts';

/** What Ethernet, and with it most of the net, carries in one packet. */
const usualPacketBytes = 1500;

/** What a line gives. */
export function addLinkTest(link: SitepairCommand, invocation: Invocation): void {
  link
    .command('test')
    .summary('what a line gives, measured in 10 s')
    .description(
      `Measures the line to a peer: listens to it for a second, then fills it for nine, within the limit in force.
Tells its capacity, the round trip idle and under load, packets sent again, and the largest packet that the path takes.`,
    )
    .argument('<PEER>', 'which line')
    .teach(
      [
        { run: 'sitepair link test south', what: 'from here to south; run it at south for the way back' },
        { run: 'sitepair link test south --json | jq .capacityBytesPerSecond', what: 'for scripts' },
      ],
      [
        'It keeps to the limit and goes before backups, which wait meanwhile. To measure beyond the limit, lift it for a',
        'while ("sitepair link full-speed --help"). Nothing is kept at either end. Ctrl-C stops it at once.',
      ],
    )
    .action(async (peer: string) => {
      await using appliance = await invocation.connect();
      using interrupt = invocation.interrupt('Nothing was changed: run it again whenever you like.');
      const progress = invocation.progress('reports', 'link');
      const result = await appliance.api
        .run('linkTest', { peer }, { signal: interrupt.signal, onProgress: (now) => progress.show(now) })
        .finally(() => progress[Symbol.dispose]());
      invocation.print(result, () => linkTestText(result));
    });
}

function linkTestText(result: LinkTestView): string {
  const { peer, seconds, capacityBytesPerSecond, payloadBytesPerSecond, heldByLimit } = result;
  const { roundTripIdleMs, roundTripLoadedMs, resentPercent, packetBytesMax } = result;
  const rows: (readonly [string, string])[] = [
    ['payload', `${formatLinkRate(payloadBytesPerSecond)} of it`],
    ['limit', limitText(result)],
  ];
  if (roundTripIdleMs !== undefined && roundTripLoadedMs !== undefined)
    rows.push(['round trip', `${roundTripIdleMs.toFixed(1)} ms idle, ${roundTripLoadedMs.toFixed(1)} ms under load`]);
  if (resentPercent !== undefined) rows.push(['packets sent again', `${resentPercent.toFixed(2)} %`]);
  if (packetBytesMax !== undefined) rows.push(['largest packet', packetText(packetBytesMax)]);
  const atLeast = heldByLimit ? ', which is as much as the limit allows: the line may give more' : '';
  return `The line to ${peer} gives ${formatLinkRate(capacityBytesPerSecond)}${atLeast} (measured for ${formatDuration(seconds)}).\n${facts(rows)}`;
}

function limitText({ limitBytesPerSecond, limitWhy, heldByLimit }: LinkTestView): string {
  if (limitBytesPerSecond === undefined) return 'none';
  return `${formatLinkRate(limitBytesPerSecond)} (${limitWhy})${heldByLimit ? '' : ', which did not hold it back'}`;
}

function packetText(bytes: number): string {
  const path = `${bytes} bytes, headers included`;
  if (bytes === usualPacketBytes) return `${path}, as is usual`;
  if (bytes > usualPacketBytes) return `${path}: the path takes more than the usual ${usualPacketBytes}`;
  return `${path}: less than the usual ${usualPacketBytes}, as through a tunnel or PPPoE`;
}
