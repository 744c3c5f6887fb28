// Stands in for node:v8 where the catalog's views turn rows into bytes: a row becomes a number under which its value is
// kept. The views read each row many times, and taking it apart each time was a third of a simulated day.
import { deserialize as realDeserialize, serialize as realSerialize } from 'node:v8';

const kept = new Map<number, unknown>();
let nextToken = 1;
const tokenBytes = 12;
const mark = 0x51_0e_77_aa;

export function serialize(value: unknown): Buffer {
  const token = nextToken++;
  // A copy, as it would be: what its maker changes afterwards is not in the row.
  kept.set(token, realDeserialize(realSerialize(value)));
  const bytes = Buffer.alloc(tokenBytes);
  bytes.writeUInt32LE(mark, 0);
  bytes.writeDoubleLE(token, 4);
  return bytes;
}

export function deserialize(bytes: Uint8Array): unknown {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length !== tokenBytes || view.readUInt32LE(0) !== mark) return realDeserialize(bytes);
  const token = view.readDoubleLE(4);
  if (!kept.has(token)) throw new Error('bug: a row of another simulation is read');
  return kept.get(token);
}

/** Between two simulations: their rows are gone. */
export function forgetRows(): void {
  kept.clear();
}
