import { AppError, assert, isAppError } from '#runtime';
import { codecOf } from '#wire';
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

interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly advice: string;
  readonly retryable: boolean;
}

/** The fixed size of a padded Hello, so that the first message of a stranger has one length only. */
export const helloBytes = 192;

const helloCodec = codecOf<Hello>('link.proto', 'sitepair.link.v1.Hello');
const errorReportCodec = codecOf<ErrorReport>('link.proto', 'sitepair.link.v1.ErrorReport');

/** Length (2 bytes, big-endian), protobuf, zeros up to 192 bytes. */
export function encodeHello(hello: Hello): Uint8Array {
  const encoded = helloCodec.encode(hello);
  assert(encoded.length <= helloBytes - 2, 'a hello fits into its place');
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
  const { siteId, instance, incarnation, software, clockSeconds, versionMin, versionMax, version, dataConnections } =
    decodeOr(handshakeFailed, () => helloCodec.decode(padded.subarray(2, 2 + length)));
  const wellFormed =
    (siteId.length === 16 || siteId.length === 0) &&
    instance.length === 8 &&
    /^[\x20-\x7e]{0,32}$/.test(software) &&
    Number.isSafeInteger(clockSeconds);
  if (!wellFormed) throw handshakeFailed('a hello is not well formed');
  return {
    siteId: new Uint8Array(siteId),
    instance: new Uint8Array(instance),
    incarnation,
    software,
    clockSeconds,
    versionMin,
    versionMax,
    version,
    dataConnections,
  };
}

/** What of `error` may travel: of anything but an AppError only that something failed inside. */
export function encodeError(error: unknown): Uint8Array {
  const { code, message, advice, retryable } = isAppError(error) ? error : internalError();
  return errorReportCodec.encode({ code, message: message.slice(0, 1024), advice: advice.slice(0, 512), retryable });
}

/** The other end's error as one of ours; throws `protocol_violation` when it is not well formed. */
export function decodeError(bytes: Uint8Array): AppError {
  const { code, message, advice, retryable } = decodeOr(protocolViolation, () => errorReportCodec.decode(bytes));
  if (!/^[a-z0-9_]{1,64}$/.test(code) || message.length > 1024 || advice.length > 512) {
    throw protocolViolation('an error report is not well formed');
  }
  return new AppError(message, { code, advice, retryable, details: { saidBy: 'the other site' } });
}

/** What the other end learns when something of ours failed that is none of its business. */
function internalError(): AppError {
  return new AppError('something failed at the other site', {
    code: 'internal',
    advice: "Look into the other site's log.",
  });
}

function decodeOr<T>(failed: (message: string, cause: unknown) => AppError, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw failed('a message does not parse', cause);
  }
}
