import type { LinkHistoryView } from '../../appliance/link-health-view.ts';
import type { ApplianceApi } from '../../client/api-client.ts';
import { type SitepairCommand, UsageError } from '../command.ts';
import { formatDuration, formatLinkRate, formatTime } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import { table } from '../table.ts';

interface HistoryOptions {
  readonly since: string;
  readonly step?: string;
}

const name = 'sitepair link history';
const spanHelp = 'Spans are a number and s, min, h or d: 90s, 30min, 12h, 30d.';
/** As many rows as fit a screen when no step is asked for. */
const rowsWanted = 24;

/** How a link was. */
export function addLinkHistory(link: SitepairCommand, invocation: Invocation): void {
  link
    .command('history')
    .summary('how a link was')
    .description('Shows what a link did: rates, round trips, cuts, and what held it back for most of each step.')
    .argument('[PEER]', 'which link; may be left out when there is one peer')
    .option('--since <span>', 'from how long ago', '1d')
    .option('--step <span>', 'how long each line is')
    .teach(
      [
        { run: 'sitepair link history south', what: 'the last day, an hour a line' },
        { run: 'sitepair link history south --since 30min --step 1min', what: 'minute by minute' },
        { run: 'sitepair link history south --since 30d --json', what: 'all counts, for scripts' },
      ],
      [spanHelp, 'Seconds are kept for an hour, minutes for 30 days, hours for two years.'],
    )
    .action(async (peerName: string | undefined, { since, step }: HistoryOptions) => {
      const sinceSeconds = secondsOf(since);
      const stepSeconds = step === undefined ? Math.max(1, Math.ceil(sinceSeconds / rowsWanted)) : secondsOf(step);
      await using appliance = await invocation.connect();
      const peer = peerName ?? (await onlyPeer(appliance.api));
      const history = await appliance.api.call('linkHistory', { peer, sinceSeconds, stepSeconds });
      invocation.print(history, () => historyText(history));
    });
}

async function onlyPeer(api: ApplianceApi): Promise<string> {
  const peers = (await api.call('pairList', {})).filter(({ state }) => state === 'paired');
  const [first, ...others] = peers;
  if (first !== undefined && others.length === 0) return first.peer;
  if (first === undefined)
    throw new UsageError(
      'this site has no peer',
      name,
      'Pair with another appliance first: "sitepair pair invite --help".',
    );
  throw new UsageError('which peer?', name, `Name one of: ${peers.map(({ peer }) => peer).join(', ')}.`);
}

function historyText({ points, peer, stepSeconds }: LinkHistoryView): string {
  if (points.length === 0) return `Nothing is known of the link to ${peer} in that time.`;
  const rate = (bytes = 0, ms = 0) => formatLinkRate(ms === 0 ? 0 : (bytes * 1000) / ms);
  const mean = (us = 0, measured = 0) => (measured === 0 ? '' : `${(us / measured / 1000).toFixed(1)} ms`);
  const of = points.map(({ counts }) => counts);
  return [
    table([
      { head: 'FROM', cells: points.map(({ from }) => formatTime(from)) },
      { head: 'OUT', cells: of.map((one) => rate(one.sentBytes, one.observedMs)), align: 'right' },
      { head: 'IN', cells: of.map((one) => rate(one.receivedBytes, one.observedMs)), align: 'right' },
      {
        head: 'LIMIT',
        cells: of.map((one) => (one.limitedMs ? rate(one.allowedBytes, one.limitedMs) : '')),
        align: 'right',
      },
      { head: 'RTT IDLE', cells: of.map((one) => mean(one.idleRoundTripUs, one.idleRoundTrips)), align: 'right' },
      { head: 'LOADED', cells: of.map((one) => mean(one.loadedRoundTripUs, one.loadedRoundTrips)), align: 'right' },
      { head: 'CUTS', cells: of.map((one) => `${one.cuts ?? 0}`), align: 'right' },
      { head: 'HELD BACK BY', cells: of.map(mostOften) },
    ]),
    `Each line is ${formatDuration(stepSeconds)}.`,
  ].join('\n');
}

/** The cause that held for the longest, but idle time only where there was nothing else. */
function mostOften(counts: LinkHistoryView['points'][number]['counts']): string {
  const held = Object.entries(counts).filter(([field]) => field.startsWith('cause:'));
  const busy = held.filter(([field]) => field !== 'cause:nothing_to_send');
  const [longest] = (busy.length > 0 ? busy : held).toSorted(([, a], [, b]) => b - a);
  return longest === undefined ? '' : longest[0].slice('cause:'.length).replaceAll('_', ' ');
}

function secondsOf(span: string): number {
  const match = /^(\d+)\s*(s|min|m|h|d)$/.exec(span.trim());
  const unit = { s: 1, m: 60, min: 60, h: 3600, d: 86_400 }[match?.[2] as 's' | 'm' | 'min' | 'h' | 'd'];
  const seconds = Number(match?.[1]) * unit;
  if (!(seconds >= 1)) throw new UsageError(`"${span}" is no span of time`, name, spanHelp);
  return seconds;
}
