export {
  type Gate,
  type GatedConnection,
  type LinkShaper,
  type TrafficClass,
  trafficClasses,
  unlimited,
  type WireReading,
} from './gate.ts';
export { type BandwidthWindow, type LimitPolicy, limitAt, nextChange, type Until } from './limit-policy.ts';
export { formatRate, parseRate } from './rate.ts';
export type {
  ClassReading,
  HeldBy,
  LimitInForce,
  LimitReason,
  LinkReading,
  ShaperReadings,
  TrafficCount,
} from './readings.ts';
export type { LimitSource, ShapedLink } from './shaped-link.ts';
export { Shaper } from './shaper.ts';
export { minutesOf } from './window-times.ts';
