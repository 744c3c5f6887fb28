export { AppError, type AppErrorOptions, isAppError, systemCode } from './app-error.ts';
export { assert, unreachable } from './assert.ts';
export { compareBytes, concatBytes, equalBytes, fromHex, toHex } from './bytes.ts';
export { type Clock, systemClock, systemTimers, type Timer, type Timers } from './clock.ts';
export { DatabaseStamp } from './database-stamp.ts';
export { makeFolderDurably, removeFileDurably, syncFolder, writeFileDurably } from './durable-files.ts';
export { assertOpenable, lmdbFiles } from './openable-files.ts';
export { type Random, systemRandom } from './random.ts';
export { isReadFailure, readingState, readingStateAsync } from './read-failures.ts';
