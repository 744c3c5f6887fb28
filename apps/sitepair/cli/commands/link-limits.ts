import type { LimitScope, LimitsView, LimitView } from '../../appliance/operations.ts';
import { type SitepairCommand, UsageError } from '../command.ts';
import { formatTime } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import { table } from '../table.ts';
import { formatDays, parseDays, parseUntil } from '../when.ts';

interface ScopeOptions {
  readonly uplink?: true;
  readonly down?: true;
}

interface UntilOptions {
  readonly until?: string;
}

const rateHelp =
  'Rates are bits ("20 Mbit/s", 512kbit) or bytes ("2.5 MB/s") a second, as the router counts them; or none.';

/** A site may be called "3com": only what is a rate, or the figure of one, is none. */
const rateBegin = /^(none|unlimited|[\d.]+([kmg]?i?(b|bit|bits|byte|bytes)(\/s|ps)?)?)$/i;

/** How much of the line the links may take: limits, windows, pauses, classes. */
export function addLinkLimits(link: SitepairCommand, invocation: Invocation): void {
  addLimits(link, invocation);
  addLimit(link, invocation);
  addWindow(link, invocation);
  addFullSpeed(link, invocation);
  addPause(link, invocation);
  addResume(link, invocation);
  addClass(link, invocation);
}

function addLimits(link: SitepairCommand, invocation: Invocation): void {
  link
    .command('limits')
    .summary('all limits, and what holds now')
    .description('Lists the limits of all links, their windows, and what is in force now and why.')
    .teach([
      { run: 'sitepair link limits', what: 'one line a link and direction' },
      { run: "sitepair link limits --json | jq '.limits[] | {peer, direction, now}'", what: 'for scripts' },
    ])
    .action(async () => {
      await using appliance = await invocation.connect();
      show(invocation, await appliance.api.call('linkLimits', {}));
    });
}

function addLimit(link: SitepairCommand, invocation: Invocation): void {
  link
    .command('limit')
    .summary('how fast a link may go')
    .description(
      'Limits what goes to a peer, or to all of them together; with --down, what comes in. In force at once.',
    )
    .argument('<words...>', 'PEER RATE, or RATE alone with --uplink or --down')
    .option('--uplink', 'all links together')
    .option('--down', 'what comes in, instead of what goes out')
    .teach(
      [
        { run: 'sitepair link limit south 20 Mbit/s', what: 'to south at most 20 Mbit/s on the wire' },
        { run: 'sitepair link limit south 2.5MB/s --down', what: 'from south; that site keeps to it' },
        { run: 'sitepair link limit --uplink 50 Mbit/s', what: 'to all peers together' },
        { run: 'sitepair link limit --uplink none', what: 'no limit any more' },
      ],
      [rateHelp, 'Of the limits of two sites the lower one holds.'],
    )
    .action(async (words: string[], options: ScopeOptions) => {
      const { scope, rest } = scopeOf(words, options, 'sitepair link limit');
      if (rest.length === 0) throw new UsageError('a rate is missing', 'sitepair link limit', rateHelp);
      await using appliance = await invocation.connect();
      show(invocation, await appliance.api.call('linkLimit', { ...scope, rate: rest.join(' ') }));
    });
}

function addWindow(link: SitepairCommand, invocation: Invocation): void {
  const window = link
    .command('window')
    .summary('other limits at certain hours')
    .description('Limits for hours of the week, by the clocks of the site. Where several hold, the lowest counts.')
    .teach([{ run: 'sitepair link window add --uplink mon-fri 08:00-18:00 10 Mbit/s', what: 'in office hours' }]);
  window
    .command('add')
    .summary('add one')
    .description('Adds hours in which another limit holds than the ordinary one.')
    .argument('<words...>', '[PEER] DAYS FROM-TO RATE')
    .option('--uplink', 'all links together')
    .option('--down', 'what comes in, instead of what goes out')
    .teach(
      [
        { run: 'sitepair link window add south mon-fri 08:00-18:00 10 Mbit/s', what: 'slower in office hours' },
        { run: 'sitepair link window add --uplink daily 22:00-06:00 none', what: 'without limit at night' },
        { run: 'sitepair link window add south sat,sun 00:00-24:00 80 Mbit/s', what: 'on weekends' },
      ],
      [rateHelp, 'A window over midnight belongs to the day on which it begins.'],
    )
    .action(async (words: string[], options: ScopeOptions) => {
      const name = 'sitepair link window add';
      const { scope, rest } = scopeOf(words, options, name);
      const [days = '', hours = '', ...rate] = rest;
      const match = /^(\d{1,2}:\d{2})-(\d{1,2}:\d{2})$/.exec(hours);
      if (match === null || rate.length === 0) throw new UsageError('days, hours and a rate are needed', name);
      const add = { days: parseDays(days, name), from: match[1] ?? '', to: match[2] ?? '', rate: rate.join(' ') };
      await using appliance = await invocation.connect();
      show(invocation, await appliance.api.call('linkWindow', { ...scope, add }));
    });
  window
    .command('remove')
    .summary('remove one')
    .description('Removes a window by its number.')
    .argument('<words...>', '[PEER] NUMBER')
    .option('--uplink', 'all links together')
    .option('--down', 'what comes in, instead of what goes out')
    .teach([{ run: 'sitepair link window remove south 1', what: 'the first that "window list" shows of south' }])
    .action(async (words: string[], options: ScopeOptions) => {
      const name = 'sitepair link window remove';
      const { scope, rest } = scopeOf(words, options, name);
      const remove = Number(rest[0]);
      if (rest.length !== 1 || !Number.isInteger(remove) || remove < 1)
        throw new UsageError('a number is needed', name);
      await using appliance = await invocation.connect();
      show(invocation, await appliance.api.call('linkWindow', { ...scope, remove }));
    });
  window
    .command('list')
    .summary('all windows')
    .description('Lists the windows of all links, with their numbers.')
    .teach([{ run: 'sitepair link window list', what: 'one line a window' }])
    .action(async () => {
      await using appliance = await invocation.connect();
      const view = await appliance.api.call('linkLimits', {});
      invocation.print(view, () => windowTable(view));
    });
}

function addFullSpeed(link: SitepairCommand, invocation: Invocation): void {
  link
    .command('full-speed')
    .summary('no limit for a while')
    .description(
      'Lifts all limits of this site, both ways, for one peer or all, until a time or "sitepair link resume".',
    )
    .argument('[peer]', 'only the link to this peer; a limit of all links together stays')
    .option('--until <time>', '07:00 (the next one), "2026-01-31 07:00", 2h')
    .teach([
      { run: 'sitepair link full-speed --until 07:00', what: 'until tomorrow morning' },
      { run: 'sitepair link full-speed south --until 2h', what: 'two hours, to and from south' },
    ])
    .action(async (peer: string | undefined, options: UntilOptions) =>
      hold(invocation, 'full_speed', peer, options, 'sitepair link full-speed'),
    );
}

function addPause(link: SitepairCommand, invocation: Invocation): void {
  link
    .command('pause')
    .summary('let nothing through')
    .description(
      'Stops all but heartbeats and small messages, both ways. What is under way goes on after "link resume".',
    )
    .argument('[peer]', 'only the link to this peer')
    .option('--until <time>', '07:00 (the next one), "2026-01-31 07:00", 2h')
    .teach([
      { run: 'sitepair link pause south', what: 'until "sitepair link resume south"' },
      { run: 'sitepair link pause --until 18:00', what: 'all links, until the evening' },
    ])
    .action(async (peer: string | undefined, options: UntilOptions) =>
      hold(invocation, 'pause', peer, options, 'sitepair link pause'),
    );
}

function addResume(link: SitepairCommand, invocation: Invocation): void {
  link
    .command('resume')
    .summary('back to the ordinary limits')
    .description('Ends a pause, and full speed: the ordinary limits and windows hold again.')
    .argument('[peer]', 'only the link to this peer')
    .teach([{ run: 'sitepair link resume south', what: 'the link to south goes on' }])
    .action(async (peer: string | undefined) => hold(invocation, 'resume', peer, {}, 'sitepair link resume'));
}

function addClass(link: SitepairCommand, invocation: Invocation): void {
  link
    .command('class')
    .summary('what goes first')
    .description('Sets in which class the snapshots of a dataset travel. From the next snapshot on.')
    .argument('<dataset>', 'SITE/DATASET')
    .argument('<class>', 'restore, interactive, catalog, backup (the default), heal or seed')
    .teach(
      [{ run: 'sitepair link class north/video seed', what: 'after everything else' }],
      ['A class goes before all later ones, but for 2 % of the line that each keeps.'],
    )
    .action(async (dataset: string, trafficClass: string) => {
      await using appliance = await invocation.connect();
      const view = await appliance.api.call('linkClass', { dataset, trafficClass });
      invocation.print(view, () => `${dataset} travels as ${trafficClass}.`);
    });
}

async function hold(
  invocation: Invocation,
  kind: 'full_speed' | 'pause' | 'resume',
  peer: string | undefined,
  { until }: UntilOptions,
  command: string,
): Promise<void> {
  const untilSeconds = until === undefined ? undefined : parseUntil(until, invocation.clock.nowMs(), command);
  await using appliance = await invocation.connect();
  const view = await appliance.api.call('linkHold', {
    ...(peer === undefined ? {} : { peer }),
    hold: kind,
    ...(untilSeconds === undefined ? {} : { untilSeconds }),
  });
  show(invocation, view);
}

/** Splits off the peer, which comes first unless the limit is of all links together. */
function scopeOf(words: readonly string[], { uplink, down }: ScopeOptions, command: string) {
  const direction = down ? 'down' : 'up';
  const [first = '', ...others] = words;
  const beginsWithPeer = !uplink && !rateBegin.test(first);
  const scope: LimitScope = beginsWithPeer ? { peer: first, direction } : { direction };
  if (!beginsWithPeer && !uplink && !down) {
    throw new UsageError(
      'which link? A peer is missing',
      command,
      'Name a peer before it, or say --uplink for all links.',
    );
  }
  return { scope, rest: beginsWithPeer ? others : words };
}

function show(invocation: Invocation, view: LimitsView): void {
  invocation.print(view, () => limitTable(view));
}

function limitTable({ limits, classes }: LimitsView): string {
  const text = table([
    { head: 'LINK', cells: limits.map(linkName) },
    { head: 'LIMIT', cells: limits.map(({ rate }) => rate) },
    { head: 'WINDOWS', cells: limits.map(({ windows }) => (windows.length === 0 ? '' : String(windows.length))) },
    { head: 'NOW', cells: limits.map(nowText) },
  ]);
  const others = classes.map(({ dataset, trafficClass }) => `${dataset} travels as ${trafficClass}.`);
  return [text, ...others].join('\n');
}

function windowTable({ limits, timeZone }: LimitsView): string {
  const rows = limits.flatMap((limit) => limit.windows.map((window, index) => ({ limit, window, number: index + 1 })));
  if (rows.length === 0) return 'There are no windows: the ordinary limits hold at all hours.';
  const text = table([
    { head: 'LINK', cells: rows.map(({ limit }) => linkName(limit)) },
    { head: 'NUMBER', cells: rows.map(({ number }) => String(number)), align: 'right' },
    { head: 'DAYS', cells: rows.map(({ window }) => formatDays(window.days)) },
    { head: 'HOURS', cells: rows.map(({ window }) => `${window.from}-${window.to}`) },
    { head: 'LIMIT', cells: rows.map(({ window }) => window.rate) },
  ]);
  return `${text}\nHours are those of ${timeZone}.`;
}

function linkName({ peer, direction }: LimitView): string {
  if (peer === undefined) return direction === 'up' ? 'all, out' : 'all, in';
  return direction === 'up' ? `to ${peer}` : `from ${peer}`;
}

function nowText({ now, why, until }: LimitView): string {
  const ending = until === undefined ? '' : ` until ${formatTime(until)}`;
  if (why === 'pause') return `paused${ending}`;
  if (why === 'override') return `full speed${ending}`;
  if (why === 'none' || why === 'default') return now;
  return why === 'peer' ? `${now} (the peer takes no more)` : `${now} (${why})`;
}
