import type { LinkHealthView } from '../appliance/link-health-view.ts';

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8';

interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly value: (health: LinkHealthView) => number | undefined;
}

const gauges: readonly Gauge[] = [
  { name: 'sitepair_link_up', help: '1 while the link is up.', value: ({ link }) => (link === 'up' ? 1 : 0) },
  {
    name: 'sitepair_link_stalled_seconds',
    help: 'For how long nothing was acknowledged though there is something to send.',
    value: ({ stalledSeconds }) => stalledSeconds,
  },
  {
    name: 'sitepair_link_sent_bytes_per_second',
    help: 'Bytes of wire out, over the last seconds.',
    value: ({ sentBytesPerSecond }) => sentBytesPerSecond,
  },
  {
    name: 'sitepair_link_received_bytes_per_second',
    help: 'Bytes of wire in, over the last seconds.',
    value: ({ receivedBytesPerSecond }) => receivedBytesPerSecond,
  },
  {
    name: 'sitepair_link_limit_bytes_per_second',
    help: 'The limit in force; absent without one.',
    value: ({ limitBytesPerSecond }) => limitBytesPerSecond,
  },
  {
    name: 'sitepair_link_round_trip_seconds',
    help: 'The newest round trip of an idle link.',
    value: ({ roundTripIdleMs }) => (roundTripIdleMs === undefined ? undefined : roundTripIdleMs / 1000),
  },
  {
    name: 'sitepair_link_backlog_snapshots',
    help: 'Snapshots that are complete here and not at the peer.',
    value: ({ backlog }) => backlog.snapshots,
  },
];

/** How all links are, as Prometheus reads it. */
export function metricsText(links: readonly LinkHealthView[]): string {
  const lines = gauges.flatMap(({ name, help, value }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...links.flatMap((health) => {
      const now = value(health);
      return now === undefined ? [] : [`${name}{peer=${label(health.peer)}} ${now}`];
    }),
  ]);
  const causes = links.map(
    ({ peer, cause }) => `sitepair_link_held_back_by{peer=${label(peer)},cause=${label(cause)}} 1`,
  );
  const held = [
    '# HELP sitepair_link_held_back_by 1 for what holds the link back now.',
    '# TYPE sitepair_link_held_back_by gauge',
  ];
  return `${[...lines, ...held, ...causes].join('\n')}\n`;
}

function label(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
