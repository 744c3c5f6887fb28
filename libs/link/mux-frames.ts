import { protocolViolation } from './link-errors.ts';

/** What a frame of the mux says. proto/LINK.md, "Frames", has the bytes. */
export type MuxFrame =
  | { readonly type: 'open'; readonly channel: number; readonly service: string }
  | { readonly type: 'data'; readonly channel: number; readonly messageBytes: number; readonly bytes: Uint8Array }
  | { readonly type: 'more'; readonly channel: number; readonly bytes: Uint8Array }
  | { readonly type: 'credit'; readonly channel: number; readonly creditBytes: number }
  | { readonly type: 'end'; readonly channel: number }
  | { readonly type: 'held'; readonly channel: number }
  | { readonly type: 'abort'; readonly channel: number; readonly report: Uint8Array }
  | { readonly type: 'ping'; readonly echo: Uint8Array }
  | { readonly type: 'pong'; readonly echo: Uint8Array }
  | { readonly type: 'goodbye'; readonly report: Uint8Array };

/** 4 MiB each way hide 300 ms at 100 Mbit/s and are little to a machine. */
export const defaultCreditBytes = 4 * 1024 * 1024;

/** What either end may send on a new channel before it was granted anything, so that opening costs no round trip. */
export const initialCreditBytes = 64 * 1024;

/** What a message costs of the credit beside its bytes: empty ones take memory too. */
export const messageCostBytes = 64;

export const messageBytesMax = 8 * 1024 * 1024;
export const channelsMax = 256;
export const reportBytesMax = 4096;

/** Bytes before the payload of a message's first and of its later frames. */
export const dataHeaderBytes = 9;
export const moreHeaderBytes = 5;

const tags = {
  open: 1,
  data: 2,
  more: 3,
  credit: 4,
  end: 5,
  abort: 6,
  held: 7,
  ping: 16,
  pong: 17,
  goodbye: 18,
} as const;
const servicePattern = /^[a-z0-9][a-z0-9._/-]{0,63}$/;

/** True for a name that a service may have: 1 to 64 of a-z 0-9 . _ / - , a letter or digit first. */
export function isServiceName(name: string): boolean {
  return servicePattern.test(name);
}

export function encodeFrame(frame: MuxFrame): Uint8Array[] {
  switch (frame.type) {
    case 'open':
      return [header(tags.open, frame.channel), Buffer.from(frame.service, 'ascii')];
    case 'data':
      return [header(tags.data, frame.channel, frame.messageBytes), frame.bytes];
    case 'more':
      return [header(tags.more, frame.channel), frame.bytes];
    case 'credit':
      return [header(tags.credit, frame.channel, frame.creditBytes)];
    case 'end':
    case 'held':
      return [header(tags[frame.type], frame.channel)];
    case 'abort':
      return [header(tags.abort, frame.channel), frame.report];
    case 'ping':
    case 'pong':
      return [header(tags[frame.type], 0), frame.echo];
    case 'goodbye':
      return [header(tags.goodbye, 0), frame.report];
  }
}

/** Throws `protocol_violation` for bytes that are no frame. The payload shares memory with `bytes`. */
export function decodeFrame(bytes: Uint8Array): MuxFrame {
  if (bytes.length < moreHeaderBytes) throw protocolViolation('a frame is too short');
  const channel = readUint32(bytes, 1);
  const rest = bytes.subarray(moreHeaderBytes);
  if (bytes[0]! >= tags.ping !== (channel === 0)) throw protocolViolation('a frame names the wrong channel');
  switch (bytes[0]) {
    case tags.open: {
      const service = rest.length <= 64 ? Buffer.from(rest).toString('latin1') : '';
      if (!isServiceName(service)) throw protocolViolation('a service name is not well formed');
      return { type: 'open', channel, service };
    }
    case tags.data: {
      if (rest.length < 4) throw protocolViolation('a frame is too short');
      return { type: 'data', channel, messageBytes: readUint32(rest, 0), bytes: rest.subarray(4) };
    }
    case tags.more:
      return { type: 'more', channel, bytes: rest };
    case tags.credit:
      exactly(rest, 4);
      return { type: 'credit', channel, creditBytes: readUint32(rest, 0) };
    case tags.end:
      exactly(rest, 0);
      return { type: 'end', channel };
    case tags.held:
      exactly(rest, 0);
      return { type: 'held', channel };
    case tags.abort:
      if (rest.length > reportBytesMax) throw protocolViolation('an error report is too long');
      return { type: 'abort', channel, report: rest };
    case tags.ping:
      exactly(rest, 8);
      return { type: 'ping', echo: rest };
    case tags.pong:
      exactly(rest, 8);
      return { type: 'pong', echo: rest };
    case tags.goodbye:
      if (rest.length > reportBytesMax) throw protocolViolation('an error report is too long');
      return { type: 'goodbye', report: rest };
    default:
      throw protocolViolation(`a frame of unknown type ${bytes[0]}`);
  }
}

function header(tag: number, channel: number, extra?: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(extra === undefined ? moreHeaderBytes : dataHeaderBytes);
  bytes[0] = tag;
  bytes.writeUInt32BE(channel, 1);
  if (extra !== undefined) bytes.writeUInt32BE(extra, 5);
  return bytes;
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! * 2 ** 24 + bytes[offset + 1]! * 2 ** 16 + bytes[offset + 2]! * 2 ** 8 + bytes[offset + 3]!;
}

function exactly(rest: Uint8Array, count: number): void {
  if (rest.length !== count) throw protocolViolation('a frame has the wrong length');
}
