import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { AppError } from '#runtime';

// Numbers instead of Long objects: what may pass 2^53 is `bytes` in our messages.
protobuf.util.Long = null as unknown as typeof protobuf.util.Long;
protobuf.configure();

/** Turns one message type into bytes and back. */
export interface Codec<T> {
  /** Absent fields are left out; a field of the wrong type is a bug and throws. */
  encode(message: Partial<T>): Uint8Array;
  /** Bytes fields are views into `bytes`. Throws AppError `malformed_message`. */
  decode(bytes: Uint8Array): T;
}

const roots = new Map<string, protobuf.Root>();

/** Loads a definition from proto/, once a thread. `keepCase`: fields keep the names that the file gives them. */
export function protoRoot(file: string, keepCase = false): protobuf.Root {
  const key = `${file} ${keepCase}`;
  const known = roots.get(key);
  if (known !== undefined) return known;
  const text = readFileSync(new URL(`../../proto/${file}`, import.meta.url), 'utf8');
  const root = protobuf.parse(text, { keepCase }).root;
  root.resolveAll();
  emptyBytesAreBytes(root);
  roots.set(key, root);
  return root;
}

const noBytes = new Uint8Array(0);

/** Absent `bytes` fields decode to an empty Uint8Array; protobufjs itself gives an empty list, which has no subarray. */
function emptyBytesAreBytes(namespace: protobuf.NamespaceBase): void {
  for (const nested of namespace.nestedArray) {
    if (nested instanceof protobuf.Type) {
      for (const field of nested.fieldsArray) {
        if (field.type === 'bytes' && !field.repeated) nested.ctor.prototype[field.name] = noBytes;
      }
    }
    if (nested instanceof protobuf.Namespace) emptyBytesAreBytes(nested);
  }
}

/** The codec of message `type` (full name) in `proto/FILE`; `T` is its shape by hand, with protobufjs's defaults. */
export function codecOf<T extends object>(file: string, type: string): Codec<T> {
  const reflected = protoRoot(file).lookupType(type);
  return {
    encode: (message) => reflected.encode(message as unknown as protobuf.Message).finish(),
    decode(bytes) {
      try {
        return reflected.decode(bytes) as unknown as T;
      } catch (cause) {
        throw malformed(type, cause);
      }
    },
  };
}

/** The error for bytes that are not a message of this type. */
export function malformed(type: string, cause?: unknown): AppError {
  return new AppError(`these bytes are no ${type}`, {
    code: 'malformed_message',
    advice: 'The data is damaged or comes from another version: check both versions with --version.',
    cause,
  });
}
