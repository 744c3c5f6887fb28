// Stands in for apps/sitepair/appliance/limits.ts: windows as small as the simulated snapshots, so that they matter.
export const uploadWindowBytes = 16 * 1024;
export const replicationWindowBytes = 8 * 1024;
