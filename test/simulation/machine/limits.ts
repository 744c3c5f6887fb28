// Stands in for apps/sitepair/appliance/limits.ts: windows as small as the simulated snapshots, so that they matter.
// Links are looked at once an hour: looking each second would be all that a simulated year consists of.
export const uploadWindowBytes = 16 * 1024;
export const replicationWindowBytes = 8 * 1024;
export const healthLookMs = 3_600_000;
export const limitsLookMs = 3_600_000;
