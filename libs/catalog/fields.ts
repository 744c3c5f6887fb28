import { malformedCatalog } from './catalog-errors.ts';

/** A decoded message of protobufjs whose fields nobody has looked at: absent bytes are `[]`, absent messages null. */
export type Fields = Readonly<Record<string, unknown>>;

/** Bytes of the field, copied so that a small id does not keep a large message alive; exactly `length` when given. */
export function bytesField(fields: Fields, name: string, length?: number): Uint8Array {
  return toBytes(fields[name], name, length);
}

/** Bytes that are empty or have exactly `length`. */
export function optionalBytes(fields: Fields, name: string, length: number): Uint8Array {
  const bytes = bytesField(fields, name);
  return bytes.length === 0 ? bytes : toBytes(bytes, name, length);
}

/** A view instead of a copy, for what is large and short-lived. */
export function bytesView(fields: Fields, name: string): Uint8Array {
  const value = fields[name];
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}

export function bytesList(fields: Fields, name: string, length?: number): Uint8Array[] {
  return listField(fields, name).map((value) => toBytes(value, name, length));
}

/** An integer from 0 to 2^53 - 1, 0 when absent. */
export function countField(fields: Fields, name: string): number {
  const value = integerField(fields, name);
  if (value < 0) throw malformedCatalog(`${name} is negative`);
  return value;
}

export function integerField(fields: Fields, name: string): number {
  const value = fields[name] ?? 0;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw malformedCatalog(`${name} is out of range`);
  return value;
}

export function numberField(fields: Fields, name: string): number {
  const value = fields[name] ?? 0;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw malformedCatalog(`${name} is no number`);
  return value;
}

export function textField(fields: Fields, name: string, charsMax: number): string {
  const value = fields[name] ?? '';
  if (typeof value !== 'string' || value.length > charsMax) throw malformedCatalog(`${name} is too long`);
  return value;
}

export function textList(fields: Fields, name: string, charsMax: number): string[] {
  return listField(fields, name).map((value) => textField({ value }, 'value', charsMax));
}

export function listField(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name] ?? [];
  if (!Array.isArray(value)) throw malformedCatalog(`${name} is no list`);
  return value;
}

/** A nested message, or undefined when absent. */
export function messageField(fields: Fields, name: string): Fields | undefined {
  const value = fields[name];
  return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
}

export function messageList(fields: Fields, name: string): Fields[] {
  return listField(fields, name).map((value) => {
    if (typeof value !== 'object' || value === null) throw malformedCatalog(`${name} holds no message`);
    return value as Fields;
  });
}

function toBytes(value: unknown, name: string, length: number | undefined): Uint8Array {
  const bytes = value instanceof Uint8Array ? new Uint8Array(value) : new Uint8Array(0);
  if (length !== undefined && bytes.length !== length) {
    throw malformedCatalog(`${name} has ${bytes.length} bytes, not ${length}`);
  }
  return bytes;
}
