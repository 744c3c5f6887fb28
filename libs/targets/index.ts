export { volumeFull, volumeGone, volumeIoError } from './volume-errors.ts';
export type { GrowingFile, VolumeFile, Volumes } from './volumes.ts';
