import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { AppError, isAppError } from '#runtime';
import { handshakeFailed, protocolViolation } from './link-errors.ts';

/** Who speaks: what each end says of itself inside the handshake. proto/link.proto has the sizes. */
export interface Hello {
  readonly siteId: Uint8Array;
  readonly incarnation: number;
  readonly instance: Uint8Array;
  readonly software: string;
  readonly clockSeconds: number;
  readonly versionMin: number;
  readonly versionMax: number;
  readonly version: number;
  readonly dataConnections: number;
}

/** The fixed size of a padded Hello, so that the first message of a stranger has one length only. */
export const helloBytes = 192;

const schema = protobuf.loadSync(fileURLToPath(new URL('../../proto/link.proto', import.meta.url)));
const helloType = schema.lookupType('sitepair.link.v1.Hello');
const errorReportType = schema.lookupType('sitepair.link.v1.ErrorReport');
const plainly: protobuf.IConversionOptions = { longs: Number, defaults: true };

/** Length (2 bytes, big-endian), protobuf, zeros up to 192 bytes. */
export function encodeHello(hello: Hello): Uint8Array {
  const encoded = helloType.encode(helloType.fromObject(hello)).finish();
  if (encoded.length > helloBytes - 2) throw new Error('bug: a hello is too long');
  const padded = new Uint8Array(helloBytes);
  padded[0] = encoded.length >> 8;
  padded[1] = encoded.length & 0xff;
  padded.set(encoded, 2);
  return padded;
}

/** Throws `handshake_failed` for anything but a well-formed Hello. */
export function decodeHello(padded: Uint8Array): Hello {
  const length = padded.length === helloBytes ? padded[0]! * 256 + padded[1]! : helloBytes;
  if (length > helloBytes - 2) throw handshakeFailed('a hello has the wrong size');
  const fields = decodeFields(helloType, padded.subarray(2, 2 + length), handshakeFailed);
  const hello: Hello = {
    siteId: new Uint8Array(fields.siteId),
    incarnation: fields.incarnation,
    instance: new Uint8Array(fields.instance),
    software: fields.software,
    clockSeconds: fields.clockSeconds,
    versionMin: fields.versionMin,
    versionMax: fields.versionMax,
    version: fields.version,
    dataConnections: fields.dataConnections,
  };
  const wellFormed =
    (hello.siteId.length === 16 || hello.siteId.length === 0) &&
    hello.instance.length === 8 &&
    /^[\x20-\x7e]{0,32}$/.test(hello.software) &&
    Number.isSafeInteger(hello.clockSeconds);
  if (!wellFormed) throw handshakeFailed('a hello is not well formed');
  return hello;
}

/** What of `error` may travel: of anything but an AppError only that something failed inside. */
export function encodeError(error: unknown): Uint8Array {
  const { code, message, advice, retryable } = isAppError(error) ? error : internalError();
  return errorReportType
    .encode({ code, message: message.slice(0, 1024), advice: advice.slice(0, 512), retryable })
    .finish();
}

/** The other end's error as one of ours; throws `protocol_violation` when it is not well formed. */
export function decodeError(bytes: Uint8Array): AppError {
  const { code, message, advice, retryable } = decodeFields(errorReportType, bytes, protocolViolation);
  if (!/^[a-z0-9_]{1,64}$/.test(code) || message.length > 1024 || advice.length > 512) {
    throw protocolViolation('an error report is not well formed');
  }
  return new AppError(message, { code, advice, retryable, details: { saidBy: 'the other site' } });
}

/** What the other end learns when something of ours failed that is none of its business. */
export function internalError(): AppError {
  return new AppError('something failed at the other site', {
    code: 'internal',
    advice: "Look into the other site's log.",
  });
}

// protobufjs types nothing: this is what `defaults` gives for the fields of both messages.
interface Fields {
  readonly siteId: ArrayLike<number>;
  readonly incarnation: number;
  readonly instance: ArrayLike<number>;
  readonly software: string;
  readonly clockSeconds: number;
  readonly versionMin: number;
  readonly versionMax: number;
  readonly version: number;
  readonly dataConnections: number;
  readonly code: string;
  readonly message: string;
  readonly advice: string;
  readonly retryable: boolean;
}

function decodeFields(type: protobuf.Type, bytes: Uint8Array, failed: (message: string) => AppError): Fields {
  try {
    return type.toObject(type.decode(bytes), plainly) as Fields;
  } catch (cause) {
    throw failed(cause instanceof Error ? `a ${type.name} does not parse: ${cause.message}` : 'no protobuf');
  }
}
