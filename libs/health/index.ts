export { type Bottleneck, bottleneckOf, type EndLoad, type LinkWindow } from './bottleneck.ts';
export { BusyShare } from './busy-share.ts';
export type { Cause } from './causes.ts';
export { countedClasses, type HealthCounts } from './counts.ts';
export { HealthHistory, type HistoryAnswer, type LinkEvent } from './history.ts';
export { StallWatch, stalledAfterMs } from './stall.ts';
