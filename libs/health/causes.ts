/** What keeps a link from going faster: exactly one at a time. `unclear` is what it is when the evidence names none. */
export const causes = [
  'nothing_to_send',
  'peer_unreachable',
  'window_closed',
  'limit',
  'line',
  'source_disk',
  'processor',
  'peer_processor',
  'peer_disk',
  'unclear',
] as const;

export type Cause = (typeof causes)[number];
