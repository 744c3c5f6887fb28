// The numbers of PROTOCOL.md section 4, for both ends.

/** Ids in one batch at most. */
export const batchIdsMax = 4096;
/** Id batches without an answer: 64 x 4096 ids hide 200 ms at 10 Gbit/s. */
export const batchesInFlightMax = 64;
/** Ids that the receiver wants and the sender has not sent: the walk pauses beyond it, so that memory stays flat at both ends. */
export const waitingIdsMax = 1_048_576;
/** Ids that a receiver tells as missing after one proof. */
export const missingIdsMax = 4096;
/** A receiver that still lacks something after so many rounds will not get it from here. */
export const missingRoundsMax = 8;
/** More than this a sender leaves unacknowledged for nobody: it lies in memory meanwhile. */
export const windowBytesMax = 256 * 1024 * 1024;
/** How often an end says that it works on, when the other one could not see it otherwise. */
export const workingNoteMs = 15_000;
/** How long the other end may do nothing while it is its turn: eight times it could have said that it works. */
export const stallMs = 120_000;
