/** Bytes that a client on this machine may have unacknowledged: two groups of the store, so that syncing one overlaps with filling the next. */
export const uploadWindowBytes = 32 * 1024 * 1024;

/**
 * Bytes that a peer may have unacknowledged: 32 MiB keep 1 Gbit/s full at 100 ms of round trip and fsync together. The
 * design's formula (2 x rate x (RTT + fsync), 4 MB to 256 MB) takes over when the link measures both.
 */
export const replicationWindowBytes = 32 * 1024 * 1024;

/** How often the links are looked at for their health: the step of the finest history. */
export const healthLookMs = 1000;

/** The wall clock may be set: limits by the hour are looked at as often at least. */
export const limitsLookMs = 30_000;
