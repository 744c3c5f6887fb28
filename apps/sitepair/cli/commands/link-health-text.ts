import type { LinkHealthView } from '../../appliance/link-health-view.ts';
import { counted, formatBytes, formatDuration, formatLinkRate, formatTime } from '../format.ts';
import { facts } from '../table.ts';

/** Worst first: a few are enough to act on, and --json has all. */
const lagsShown = 8;
const eventsShown = 3;

/** How a link is, for people: the verdict first, then the figures behind it. */
export function healthText(health: LinkHealthView, nowMs: number): string {
  const { roundTripIdleMs, roundTripLoadedMs, jitterMs, clockOffsetSeconds } = health;
  const rows: (readonly [string, string])[] = [
    ['rate', rateText(health)],
    ['what holds it back', `${causeText(health)}: ${health.evidence}`],
    ['round trip', roundTripText(roundTripIdleMs, roundTripLoadedMs, jitterMs)],
    ['backlog', backlogText(health)],
  ];
  if (health.connections > 0)
    rows.push([
      'line',
      `${counted(health.connections, 'connection')}, ${counted(health.resentSegments, 'packet')} sent again`,
    ]);
  if (clockOffsetSeconds !== undefined && Math.abs(clockOffsetSeconds) >= 2)
    rows.push([
      'clock',
      `${health.peer} is ${formatDuration(Math.abs(clockOffsetSeconds))} ${clockOffsetSeconds > 0 ? 'ahead' : 'behind'}`,
    ]);
  for (const [index, text] of lagTexts(health, nowMs).entries()) rows.push([index === 0 ? 'lag' : '', text]);
  for (const [index, { at, what, detail }] of health.events.slice(0, eventsShown).entries())
    rows.push([index === 0 ? 'events' : '', `${formatTime(at)} ${what}${detail === '' ? '' : `: ${detail}`}`]);
  for (const note of health.notes) rows.push(['kernel', note]);
  return `${verdictOf(health)}\n${facts(rows)}`;
}

/** The one sentence that matters. It is never better than the worst that is known. */
export function verdictOf(health: LinkHealthView): string {
  const { peer, link, linkDetail, stalledSeconds, backlog } = health;
  const waiting = counted(backlog.snapshots, 'snapshot');
  if (link === 'down')
    return `${peer} cannot be reached (${linkDetail})${backlog.snapshots > 0 ? `; ${waiting} wait for it` : ''}.`;
  if (stalledSeconds > 0)
    return `STALLED: ${peer} has acknowledged nothing for ${formatDuration(stalledSeconds)}; ${waiting} wait for it.`;
  if (backlog.snapshots === 0) return `${peer} is up to date.`;
  return `${peer} lacks ${waiting}; ${formatLinkRate(health.sentBytesPerSecond)} now, held back by ${causeText(health)}.`;
}

function causeText({ cause, limitWhy, peer }: LinkHealthView): string {
  const texts: Readonly<Record<string, string>> = {
    nothing_to_send: 'nothing to send',
    peer_unreachable: 'the peer cannot be reached',
    window_closed: limitWhy === 'pause' ? 'a pause' : 'a closed window',
    limit: 'the limit in force',
    line: 'the line',
    source_disk: 'the disk here',
    processor: 'the processor here',
    peer_processor: `the processor of ${peer}`,
    peer_disk: `the disk of ${peer}`,
  };
  return texts[cause] ?? 'nothing that stands out';
}

function rateText({
  sentBytesPerSecond,
  receivedBytesPerSecond,
  limitBytesPerSecond,
  limitWhy,
}: LinkHealthView): string {
  const limit =
    limitBytesPerSecond === undefined ? 'no limit' : `of ${formatLinkRate(limitBytesPerSecond)} (${limitWhy})`;
  return `${formatLinkRate(sentBytesPerSecond)} out, ${limit}; ${formatLinkRate(receivedBytesPerSecond)} in`;
}

function roundTripText(idleMs: number | undefined, loadedMs: number | undefined, jitterMs: number | undefined): string {
  const parts = [
    idleMs === undefined ? undefined : `${idleMs.toFixed(1)} ms idle`,
    loadedMs === undefined ? undefined : `${loadedMs.toFixed(1)} ms under load`,
    jitterMs === undefined ? undefined : `${jitterMs.toFixed(1)} ms from one to the next`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? 'not measured yet' : parts.join(', ');
}

function backlogText({ backlog }: LinkHealthView): string {
  if (backlog.snapshots === 0) return 'none';
  const eta =
    backlog.etaSecondsMax === undefined ? '' : `, ${formatDuration(backlog.etaSecondsMax)} at most at this rate`;
  return `${counted(backlog.snapshots, 'snapshot')}, at most ${formatBytes(backlog.contentBytesMax)}${eta}`;
}

function lagTexts({ lags, peer }: LinkHealthView, nowMs: number): string[] {
  const behind = lags.filter(({ snapshotsBehind }) => snapshotsBehind > 0);
  const sorted = behind.toSorted((a, b) => (a.held ?? '').localeCompare(b.held ?? ''));
  const texts = sorted.slice(0, lagsShown).map(({ dataset, held, snapshotsBehind }) => {
    const age = held === undefined ? undefined : (nowMs - new Date(held).getTime()) / 1000;
    return age === undefined
      ? `${dataset}: nothing of it is at ${peer}`
      : `${dataset}: ${formatDuration(Math.max(0, age))}, ${counted(snapshotsBehind, 'snapshot')} behind`;
  });
  const more = sorted.length - texts.length;
  return more > 0 ? [...texts, `and ${counted(more, 'dataset')} more`] : texts;
}
