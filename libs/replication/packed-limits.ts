// The limits of packed records, for both ends: PROTOCOL.md section 4.

/** Raw bytes of all bodies in one message: with its dictionary and its records a receiver holds five times as much. */
export const packedRawMaxBytes = 8 * 1024 * 1024;
/** Chunks and nodes in one message: their hashes and ids are made in one go, some 100 ms, before anything else has its turn. */
export const packedContentsMax = 8192;
/** Raw bytes of a dictionary: what zstd finds in more than that is seldom worth the time to load it. */
export const dictionaryMaxBytes = 8 * 1024 * 1024;
/** Contents that a dictionary is made of: each may be in a record of its own that has to be read. */
export const dictionaryIdsMax = 4096;
/** 2^24 covers a dictionary and the content behind it: what a decompressor must be ready to look back. */
export const windowLogMax = 24;
