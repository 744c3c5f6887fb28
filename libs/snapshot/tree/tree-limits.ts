/** FORMAT.md section 5: where directories and lists of content are cut, and what a reader refuses. */
export const treeLimits = {
  /** A directory of more bytes is cut into segments. */
  wholeDirectoryBytes: 262_144,
  segmentBytes: 524_288,
  /** Of entries in a segment, of segments in an index, of extents or parts in a list. */
  partMin: 256,
  partMax: 4096,
  /** A part of at least `partMin` ends before an item whose cut hash is 0 modulo this. */
  cutModulus: 1024,
  inlineExtents: 64,
  /** An entry's attribute values beyond this become chunks. */
  inlineXattrBytes: 16_384,
  depth: 4096,
  nameBytes: 255,
  /** Indexes above indexes: 4096 to the fourth entries is more than any file system holds. */
  indexLevels: 4,
  /** A manifest names at most this many problems; the entries' states have all of them. */
  problems: 1000,
} as const;
