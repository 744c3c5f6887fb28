export {
  type Gate,
  type GatedConnection,
  type LinkShaper,
  type TrafficClass,
  trafficClasses,
  unlimited,
  type WireReading,
} from './gate.ts';
