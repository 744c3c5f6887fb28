import type { Fields } from './checked-message.ts';

/** What a decoded message has wrong; the library's door turns it into its own error. */
export class BadField extends Error {}

/** The bytes field `name` in a copy, which must have exactly `length` bytes. */
export function bytesField(fields: Fields, name: string, length: number): Uint8Array {
  return exactBytes(fields[name] ?? new Uint8Array(0), name, length);
}

/** Like bytesField for an entry of a repeated field. */
export function exactBytes(value: unknown, name: string, length: number): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new BadField(`${name} is not bytes`);
  if (value.length !== length) throw new BadField(`${name} has ${value.length} bytes, not ${length}`);
  return new Uint8Array(value);
}

/** The integer field `name`, 0 when absent; at most 2^53 - 1. */
export function countField(fields: Fields, name: string): number {
  const value = fields[name] ?? 0;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new BadField(`${name} is out of range`);
  return value;
}

/** The entries of the repeated field `name`, at most `countMax`. */
export function listField(fields: Fields, name: string, countMax: number): readonly unknown[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value)) throw new BadField(`${name} is no list`);
  if (value.length > countMax) throw new BadField(`${value.length} ${name} are more than the limit of ${countMax}`);
  return value;
}

/** An entry of a repeated message field. */
export function messageEntry(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw new BadField('an entry is no message');
  return Object.fromEntries(Object.entries(value));
}
