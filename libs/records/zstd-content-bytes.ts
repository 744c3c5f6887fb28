const descriptorAt = 4;
const windowBytes = 1;
const dictionaryIdBytes = [0, 1, 2, 4] as const;

/**
 * How many bytes a zstd frame says that it holds (RFC 8878 section 3.1.1.1), cut to 32 bits: more is more than a record
 * may hold. Undefined when it does not say. It may lie: good for the size of a buffer, nothing else.
 */
export function zstdContentBytes(frame: Uint8Array): number | undefined {
  const descriptor = frame[descriptorAt] ?? 0;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const before = descriptorAt + 1 + (isSingleSegment ? 0 : windowBytes);
  const at = before + (dictionaryIdBytes[descriptor & 3] ?? 0);
  const field = frame.subarray(at, at + 4);
  // The smallest frame with content has a block header behind this field: four bytes are there.
  if (field.length < 4) return undefined;
  const view = new DataView(field.buffer, field.byteOffset, field.byteLength);
  switch (descriptor >> 6) {
    case 0:
      return isSingleSegment ? view.getUint8(0) : undefined;
    case 1:
      return view.getUint16(0, true) + 256;
    default:
      return view.getUint32(0, true);
  }
}
