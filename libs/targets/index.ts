export { volumeError, volumeFull, volumeGone, volumeIoError, volumeReadOnly } from './volume-errors.ts';
export type { GrowingFile, VolumeFile, Volumes } from './volumes.ts';
