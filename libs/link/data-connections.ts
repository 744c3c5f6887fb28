import { readFileSync } from 'node:fs';
import { dataConnectionsMax } from './link-settings.ts';

/** What is known of a line and of this end's kernel. */
export interface LineFacts {
  /** The largest send buffer that the kernel gives a connection: the third number of net.ipv4.tcp_wmem. */
  readonly sendBufferBytesMax: number | undefined;
  /** Of the line, or the limit in force when that is lower; undefined while nobody knows. */
  readonly bytesPerSecond?: number | undefined;
  readonly roundTripMs?: number | undefined;
}

/** Enough for 500 Mbit/s at 150 ms and 0.1 % loss with the kernel's usual buffer of 4 MB (measured: 4 get 0.7 of it, 8 get 0.93). */
const defaultConnections = 4;
/** One lost segment then stops half of it at most. */
const connectionsMin = 2;
/** A buffer holds what was sent and not acknowledged, and half of it is the kernel's own book-keeping. */
const usablePart = 0.5;
/** Holds 1 Gbit/s at 250 ms: with as much more connections add retransmissions only. */
const amplePerConnection = 32 * 1024 * 1024;

/**
 * How many data connections fill a line: as many as it takes for their buffers to hold twice bandwidth x delay, so that one
 * round trip of repair does not empty it. Between 2 and 16 when the line is known, else 4, or 2 where buffers are ample.
 */
export function dataConnectionsFor({ sendBufferBytesMax, bytesPerSecond, roundTripMs }: LineFacts): number {
  if (sendBufferBytesMax === undefined) return defaultConnections;
  if (bytesPerSecond === undefined || roundTripMs === undefined || !Number.isFinite(bytesPerSecond))
    return sendBufferBytesMax >= amplePerConnection ? connectionsMin : defaultConnections;
  const needed = (2 * bytesPerSecond * roundTripMs) / 1000 / (sendBufferBytesMax * usablePart);
  return Math.min(dataConnectionsMax, Math.max(connectionsMin, Math.ceil(needed)));
}

/** The kernel's largest send buffer in bytes; undefined where it does not say. */
export function sendBufferBytesMax(): number | undefined {
  try {
    const [, , most] = readFileSync('/proc/sys/net/ipv4/tcp_wmem', 'latin1').trim().split(/\s+/).map(Number);
    return most !== undefined && most > 0 ? most : undefined;
  } catch (error) {
    // A container may hide it; then nothing is known, and the default stands.
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
