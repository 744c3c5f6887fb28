export { type CompressedBody, Compression, compressBody, decompressBody } from './compression.ts';
export { KeyBook, type SealingKey } from './key-book.ts';
export { type OpenedChunk, openBody, openLeaf, openNode, verifyRecord } from './open-record.ts';
export { type SealContext, sealLeaf, sealNode } from './seal-record.ts';
