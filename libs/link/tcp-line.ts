import type { Socket } from 'node:net';
import {
  setCongestionControl,
  setMaxPacingRate,
  setNotSentLowWater,
  setTrafficClass,
  type TcpInfo,
  tcpInfo,
} from '#posix';

/** What the kernel has counted of one connection. */
export interface LineReading {
  /** Sent until now: payload, retransmissions, TCP and IP headers. */
  readonly wireBytes: number;
  /** The same for what came in. */
  readonly receivedWireBytes: number;
  /** Written by this end and not sent yet. */
  readonly unsentBytes: number;
  readonly sentSegments: number;
  readonly resentSegments: number;
  /** The largest packet with all its headers, as far as the kernel has found what the path takes: its path MTU. */
  readonly packetBytesMax: number;
  /** As the kernel smooths it; of a connection that carries bulk it includes the queues that it fills, and delayed acknowledgements. */
  readonly roundTripMs: number;
}

/** What the kernel is asked to do with the sockets of data connections. */
export interface SocketTuning {
  /** Tried in turn; the kernel's default where none is there. */
  readonly congestionControls: readonly string[];
  /** Bytes that may lie in the kernel unsent: what is sent next is decided late. */
  readonly notSentBytes: number;
  /** The mark of packets for routers between; undefined leaves it alone. */
  readonly dscp: number | undefined;
}

/**
 * bbr fills a line with 0.1 % loss where cubic gets an eighth of it; 128 KiB not sent cost at most 5 % and keep the kernel's
 * backlog under 170 KiB a socket (both measured on emulated lines). DSCP 1 is "lower effort" of RFC 8622.
 */
export const defaultSocketTuning: SocketTuning = { congestionControls: ['bbr'], notSentBytes: 128 * 1024, dscp: 1 };

/** TCP with timestamps, and IP without options. */
const headerBytes = { ipv4: 20 + 20 + 12, ipv6: 40 + 20 + 12 };

/** The kernel's side of a connection. Everything here does nothing, or is undefined, where the kernel lacks it. */
export class TcpLine {
  readonly #socket: Socket;
  readonly #headerBytes: number;
  #newest: LineReading | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    const { remoteFamily, remoteAddress = '' } = socket;
    const isIpv6 = remoteFamily === 'IPv6' && !remoteAddress.startsWith('::ffff:');
    this.#headerBytes = isIpv6 ? headerBytes.ipv6 : headerBytes.ipv4;
  }

  /** The state now, or the last one known once it is closed; undefined where the kernel does not count. */
  read(): LineReading | undefined {
    const fd = descriptorOf(this.#socket);
    const info = fd === undefined ? undefined : tcpInfo(fd);
    if (info?.bytesSent === undefined || info.unsentBytes === undefined) return this.#newest;
    const { bytesSent, unsentBytes, segmentsOut, segmentsIn, bytesReceived, retransmits, rttUs, segmentBytes } = info;
    this.#newest = {
      wireBytes: bytesSent + this.#headerBytes * segmentsOut,
      receivedWireBytes: bytesReceived + this.#headerBytes * segmentsIn,
      unsentBytes: unsentBytes + unwrittenBytes(this.#socket, info),
      sentSegments: segmentsOut,
      resentSegments: retransmits,
      packetBytesMax: segmentBytes + this.#headerBytes,
      roundTripMs: rttUs / 1000,
    };
    return this.#newest;
  }

  /** Has the kernel send no faster than this; Infinity lifts it. */
  pace(bytesPerSecond: number): void {
    const fd = descriptorOf(this.#socket);
    if (fd !== undefined) setMaxPacingRate(fd, bytesPerSecond);
  }

  /** Sets what `tuning` says; gives a sentence for each thing that this kernel does not do. */
  tune({ congestionControls, notSentBytes, dscp }: SocketTuning): string[] {
    const fd = descriptorOf(this.#socket);
    if (fd === undefined) return [];
    const missing: string[] = [];
    if (congestionControls.length > 0 && !congestionControls.some((name) => setCongestionControl(fd, name)))
      missing.push(`congestion control ${congestionControls.join(' or ')} is not there: the kernel's own is used`);
    if (!setNotSentLowWater(fd, notSentBytes)) missing.push('unsent bytes in the kernel cannot be limited');
    if (!setMaxPacingRate(fd, Number.POSITIVE_INFINITY)) missing.push('the kernel does not pace');
    if (dscp !== undefined && !setTrafficClass(fd, dscp)) missing.push(`packets cannot be marked with DSCP ${dscp}`);
    return missing;
  }
}

/** What lies in this process. Where all that was written is payload of the connection, it is the rest of what was sent. */
function unwrittenBytes(socket: Socket, { bytesSent = 0, bytesResent = 0, unsentBytes = 0 }: TcpInfo): number {
  if ('encrypted' in socket) return socket.writableLength;
  return Math.max(0, (socket.bytesWritten ?? 0) - (bytesSent - bytesResent) - unsentBytes);
}

// Node has no public way to a socket's descriptor. Under TLS the handle gives that of the socket below.
function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  const fd: unknown = Reflect.get(handle, 'fd');
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
