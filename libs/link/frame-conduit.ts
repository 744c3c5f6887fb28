import type { TcpLine } from './tcp-line.ts';

/** Takes what comes out of a conduit. Neither call may throw. */
export interface FrameReceiver {
  /** One whole frame, in the order of sending. The bytes belong to the receiver. */
  frame(bytes: Uint8Array): void;
  /** send() said false before and may be called again. */
  drain(): void;
}

/** A duplex of whole binary frames with backpressure: all that the mux knows of sockets. */
export interface FrameConduit {
  /** The largest frame that send() takes. */
  readonly frameBytesMax: number;
  /** What this conduit and those under it add to each frame, at most; TCP/IP headers not counted. */
  readonly overheadBytes: number;
  /** Bytes of frames with that overhead, since the conduit was made. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** The kernel's side of it; undefined where there is none. */
  readonly line?: TcpLine | undefined;

  /** From now on frames go to `receiver`, those first that came before. Without one, reading pauses. */
  attach(receiver: FrameReceiver | undefined): void;

  /**
   * Takes one frame, gathered from `parts`, whose bytes must not change any more. False means: taken, but wait for drain()
   * before the next one. A frame for a conduit that has closed is dropped, and false.
   */
  send(parts: readonly Uint8Array[]): boolean;

  /** Ends it after what was sent; it is cut off if the other end does not answer soon. */
  close(): void;

  /** Cuts it off at once, for `why`. */
  destroy(why: string): void;

  /** Resolves with why, once no more frames will come; never rejects. */
  readonly closed: Promise<string>;
}

/** The length of the frame that `parts` make. */
export function frameBytes(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  return bytes;
}
