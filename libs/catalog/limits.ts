/** What CATALOG.md section 9 allows. A batch above a limit is refused by everybody alike, so that catalogs still agree. */
export const catalogLimits = {
  /** Two batches and their envelope fit the 1 MiB of a message. */
  batchBytes: 524_288,
  bodyBytes: 65_536,
  bodies: 4096,
  /** 74 bytes each: at most a third of a batch. */
  headsSeen: 2048,
  /** A message between two catalogs. */
  messageBytes: 1_048_576,
  /** A stolen key can open incarnations and fork them without end: these keep it from filling the disks of the others. */
  sites: 128,
  incarnationsOfSite: 64,
  /** The rest is left to the kit, which the thief does not have. */
  siteSignedIncarnationsOfSite: 16,
  tips: 16,
  /** 2^19 batches apart at most: a longer way back costs batches that are sent twice. */
  trail: 20,
} as const;

export const hashBytes = 32;
export const signatureBytes = 64;
export const publicKeyBytes = 32;
export const kitIdBytes = 8;
/** Stands for "nothing before". */
export const noHash: Uint8Array = new Uint8Array(hashBytes);
