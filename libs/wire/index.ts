export { type Codec, codecOf, protoRoot } from './codec.ts';
export { chunkMaxBytes, decodeFrame, encodeFrame, frameRawMaxBytes, frameTableBytes } from './frame.ts';
export {
  checksumBytes,
  finishRecord,
  parseRecord,
  peekRecord,
  type RecordHeader,
  RecordKind,
  type RecordLengths,
  type RecordView,
  recordDamaged,
  recordHeaderBytes,
  recordLength,
  recordLimits,
  recordMagic,
  recordMaxBytes,
  sha256,
  sha256Of,
  writeRecordHeader,
} from './record.ts';
export { decodeNode, encodeNode, nodePayloadMaxBytes } from './tree-codec.ts';
