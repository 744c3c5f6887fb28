import { extremes, mutateBytes } from './mutate-bytes.ts';
import type { SeededRandom } from './seeded-random.ts';

/** One field as it stands on the wire, whatever its message calls it. */
interface WireField {
  readonly number: number;
  readonly wire: number;
  /** Of a varint the number, else the bytes of the value without their length. */
  readonly value: bigint | Uint8Array;
}

/** Longer messages cost time and find nothing more. */
const grownMax = 262_144;
const levelsMax = 12;

function readVarint(bytes: Uint8Array, at: number): readonly [value: bigint, next: number] | undefined {
  let value = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return [value, at + i + 1];
  }
  return undefined;
}

/** The fields of a message, or undefined when these bytes are none. */
export function parseWire(bytes: Uint8Array): WireField[] | undefined {
  const fields: WireField[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    if (tag === undefined || tag[0] < 8n || tag[0] > 0xffff_ffffn) return undefined;
    const [number, wire] = [Number(tag[0] >> 3n), Number(tag[0] & 7n)];
    if (wire === 0) {
      const value = readVarint(bytes, tag[1]);
      if (value === undefined) return undefined;
      fields.push({ number, wire, value: value[0] });
      at = value[1];
      continue;
    }
    const length = wire === 1 ? ([8n, tag[1]] as const) : wire === 5 ? ([4n, tag[1]] as const) : undefined;
    const [size, start] = length ?? (wire === 2 ? readVarint(bytes, tag[1]) : undefined) ?? [];
    if (size === undefined || start === undefined || size > BigInt(bytes.length - start)) return undefined;
    at = start + Number(size);
    fields.push({ number, wire, value: bytes.subarray(start, at) });
  }
  return fields;
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value & (2n ** 64n - 1n); ; rest >>= 7n) {
    if (rest < 0x80n) return Uint8Array.of(...bytes, Number(rest));
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}

function writeField({ number, wire, value }: WireField): Uint8Array {
  const tag = varint((BigInt(number) << 3n) | BigInt(wire));
  if (typeof value === 'bigint') return Buffer.concat([tag, varint(value)]);
  return Buffer.concat(wire === 2 ? [tag, varint(BigInt(value.length)), value] : [tag, value]);
}

const writeFields = (fields: readonly WireField[]) => new Uint8Array(Buffer.concat(fields.map(writeField)));

type FieldMutation = (
  fields: WireField[],
  at: number,
  random: SeededRandom,
  others: readonly Uint8Array[],
) => Uint8Array;

const put = (fields: WireField[], at: number, ...fresh: readonly WireField[]) => {
  fields.splice(at, 1, ...fresh);
  return writeFields(fields);
};

const mutations: readonly FieldMutation[] = [
  (fields, at) => put(fields, at),
  (fields, at, random) => {
    const field = fields[at] as WireField;
    const times = random.chance(0.9) ? 2 + random.below(3) : 2 + random.below(5000);
    const size = writeField(field).length;
    return put(fields, at, ...Array<WireField>(Math.max(1, Math.min(times, Math.floor(grownMax / size)))).fill(field));
  },
  (fields, at, random) => {
    const other = random.below(fields.length);
    const [a, b] = [fields[at] as WireField, fields[other] as WireField];
    fields[other] = a;
    return put(fields, at, b);
  },
  // An unknown field, of a later version perhaps.
  (fields, at, random) => {
    const unknown = { number: 1 + random.below(600), wire: 2, value: random.bytes(random.below(40)) };
    return put(fields, at, fields[at] as WireField, unknown);
  },
  (fields, at, random) => put(fields, at, { ...(fields[at] as WireField), number: 1 + random.below(20) }),
  // A varint where bytes were, bytes where a varint was, and numbers of fixed size.
  (fields, at, random) => {
    const { number } = fields[at] as WireField;
    const wire = random.pick([0, 1, 2, 5]);
    const value = wire === 0 ? random.pick(extremes) : random.bytes(wire === 1 ? 8 : wire === 5 ? 4 : random.below(40));
    return put(fields, at, { number, wire, value });
  },
  // A length that is not the value's.
  (fields, at, random) => {
    const { number, value } = fields[at] as WireField;
    const content = typeof value === 'bigint' ? varint(value) : value;
    const lie = random.chance(0.5) ? BigInt(content.length + random.pick([-1, 1])) : random.pick(extremes);
    const before = writeFields(fields.slice(0, at));
    const tag = varint((BigInt(number) << 3n) | 2n);
    return new Uint8Array(Buffer.concat([before, tag, varint(lie), content, writeFields(fields.slice(at + 1))]));
  },
  // The message within itself, again and again; or groups that begin and never end.
  (fields, at, random) => {
    const { number } = fields[at] as WireField;
    if (random.chance(0.3)) return new Uint8Array(Buffer.alloc(1 + random.below(20_000), (number << 3) | 3));
    let value: Uint8Array = writeFields(fields);
    for (let i = random.below(60); i > 0 && value.length < grownMax; i--)
      value = writeField({ number, wire: 2, value });
    return new Uint8Array(value);
  },
  // A tag, length or number written with more bytes than it needs.
  (fields, at, random) => {
    const { number } = fields[at] as WireField;
    const long = Buffer.alloc(1 + random.below(12), 0xff);
    const parts = [writeFields(fields.slice(0, at)), varint(BigInt(number) << 3n), long, Buffer.of(random.below(2))];
    return new Uint8Array(Buffer.concat([...parts, writeFields(fields.slice(at + 1))]));
  },
  // A field of another message that was captured.
  (fields, at, random, others) => {
    const stolen = others.length === 0 ? undefined : parseWire(random.pick(others));
    const field = stolen === undefined || stolen.length === 0 ? undefined : random.pick(stolen);
    return field === undefined ? writeFields(fields) : put(fields, at, { ...field, number: fields[at]?.number ?? 1 });
  },
];

/**
 * A protobuf message with one thing wrong, at any depth, without knowing its definition: whatever parses as a message
 * within a message may be one. Bytes that are no message are mutated as bytes.
 */
export function mutateProtobuf(
  bytes: Uint8Array,
  random: SeededRandom,
  others: readonly Uint8Array[],
  level = 0,
): Uint8Array {
  const fields = parseWire(bytes);
  if (fields === undefined || fields.length === 0 || random.chance(0.1)) return mutateBytes(bytes, random, others);
  const at = random.below(fields.length);
  const field = fields[at] as WireField;
  if (typeof field.value !== 'bigint' && field.wire === 2 && level < levelsMax && random.chance(0.65)) {
    return put(fields, at, { ...field, value: mutateProtobuf(field.value, random, others, level + 1) });
  }
  if (typeof field.value === 'bigint' && random.chance(0.6)) {
    return put(fields, at, { ...field, value: random.pick(extremes) });
  }
  return random.pick(mutations)(fields, at, random, others);
}
