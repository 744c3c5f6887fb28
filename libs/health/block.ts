import { crc32 } from 'node:zlib';
import { type CountRow, emptyRow, fields } from './counts.ts';

/** The counts of consecutive steps; a step in which nothing was observed has none. */
export type Block = (CountRow | undefined)[];

const crcBytes = 4;
const maskBytes = Math.ceil(fields.length / 8);
/** The largest that a step can take. */
export const stepBytesMax = 1 + maskBytes + fields.length * 8;

/**
 * Bytes of a block: a CRC-32, the number of fields, then for each step its place, a bit for each field that is not 0, and
 * those fields as float64, little-endian. Whole numbers up to 2^53 are exact in it.
 */
export function encodeBlock(block: Block): Buffer {
  const bytes = Buffer.alloc(crcBytes + 1 + block.length * stepBytesMax);
  bytes[crcBytes] = fields.length;
  let at = crcBytes + 1;
  block.forEach((row, step) => {
    if (row === undefined) return;
    bytes[at] = step;
    const mask = at + 1;
    at = mask + maskBytes;
    row.forEach((value, field) => {
      if (value === 0) return;
      bytes[mask + (field >> 3)]! |= 1 << (field & 7);
      at = bytes.writeDoubleLE(value, at);
    });
  });
  const whole = bytes.subarray(0, at);
  whole.writeUInt32LE(crc32(whole.subarray(crcBytes)));
  return whole;
}

/** Undefined for what is not a whole block of this version: its time is then as if it had not been observed. */
export function decodeBlock(bytes: Buffer, steps: number): Block | undefined {
  if (bytes.length <= crcBytes || bytes.readUInt32LE() !== crc32(bytes.subarray(crcBytes))) return undefined;
  if (bytes[crcBytes] !== fields.length) return undefined;
  const block: Block = new Array(steps).fill(undefined);
  for (let at = crcBytes + 1; at < bytes.length; ) {
    const step = bytes[at]!;
    const mask = at + 1;
    at = mask + maskBytes;
    const row = emptyRow();
    for (let part = 0; part < maskBytes; part++) {
      for (let bits = bytes[mask + part]!; bits !== 0; bits &= bits - 1) {
        row[part * 8 + 31 - Math.clz32(bits & -bits)] = bytes.readDoubleLE(at);
        at += 8;
      }
    }
    block[step] = row;
  }
  return block;
}
