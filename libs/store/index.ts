export type { StructureFinding } from './check-structure.ts';
export type { Place } from './place.ts';
export { packEntries, recordIn } from './read-pack.ts';
export type { RepairReport } from './repair-pack.ts';
export type { ScrubFinding, ScrubOptions, ScrubProgress } from './scrub.ts';
export { Store, type StoredRecord, type StoreOptions, type StoreStatistics } from './store.ts';
export type { OnNotice, StoreNotice } from './store-errors.ts';
export type { StoreLimits } from './store-limits.ts';
