import { isAppError, systemCode } from '#runtime';

/** What work of a site may end with while faults are about: each says what is wrong, and going on later helps. */
const codes: ReadonlySet<string> = new Set([
  // The disk is full, or a sync failed.
  'volume_full',
  'volume_io_error',
  'window_lost',
  'catalog_write_failed',
  'catalog_views_write_failed',
  'index_write_failed',
  // The appliance waits for its admin: a restart, a rebuild, a peer.
  'catalog_incarnation_needed',
  'catalog_log_damaged',
  // A line broke, or a site is down.
  'dial_failed',
  'connection_lost',
  'channel_closed',
  'link_closed',
  'link_silent',
  'handshake_failed',
  'peer_unreachable',
]);

/** True for errors that a site may give while faults are about. */
export function isExpected(error: unknown): boolean {
  if (isAppError(error) && codes.has(error.code)) return true;
  const cause = error instanceof Error ? error.cause : undefined;
  return ['ENOSPC', 'EIO'].includes(systemCode(error) ?? '') || (cause !== undefined && isExpected(cause));
}
