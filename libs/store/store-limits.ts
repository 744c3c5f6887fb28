/** Sizes that the store works with. */
export interface StoreLimits {
  /** A pack is closed at this length or above. FORMAT.md section 6 says 64 MiB. */
  readonly packBytes: number;
  /** So many bytes are written and synced together when nobody asks for less. */
  readonly groupBytes: number;
  /** A record waits so long for others before its group is committed, unless `flush` is called. */
  readonly commitDelayMs: number;
  /** What may wait in memory for the disk; above it, appends are refused. */
  readonly pendingBytesMax: number;
  /** Ids that are durable but not yet in the index on disk, held in memory. */
  readonly recentIdsMax: number;
}

export const defaultLimits: StoreLimits = {
  packBytes: 64 * 1024 * 1024,
  // Where a sync takes 20 ms this takes five times as long to write; where it is fast, 2 to 64 MiB measured the same.
  groupBytes: 16 * 1024 * 1024,
  commitDelayMs: 50,
  // Twice the largest window that a link may leave unacknowledged.
  pendingBytesMax: 512 * 1024 * 1024,
  // About 10 MB of memory, and a second's worth of insertions.
  recentIdsMax: 32_768,
};
