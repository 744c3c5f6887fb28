export {
  type Gate,
  type GatedConnection,
  type LinkShaper,
  type TrafficClass,
  trafficClasses,
  unlimited,
  type WireReading,
} from './gate.ts';
export type {
  ClassReading,
  HeldBy,
  LimitInForce,
  LimitReason,
  LinkReading,
  ShaperReadings,
  TrafficCount,
} from './readings.ts';
export { type LimitSource, noLimit, ShapedLink } from './shaped-link.ts';
export { Shaper } from './shaper.ts';
