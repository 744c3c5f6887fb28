import { attempt, Errno, libc, posixError } from './libc.ts';
import { readInt64, struct } from './native-arena.ts';

/** What the kernel knows of one TCP connection. Microseconds, bytes, segments; undefined where the kernel is too old. */
export interface TcpInfo {
  readonly rttUs: number;
  readonly rttVarUs: number;
  readonly minRttUs: number | undefined;
  readonly sendWindowSegments: number;
  readonly segmentBytes: number;
  readonly unackedSegments: number;
  /** Segments sent again since the connection began. */
  readonly retransmits: number;
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  readonly segmentsOut: number;
  readonly segmentsIn: number;
  /** Written but not sent yet. */
  readonly unsentBytes: number | undefined;
  readonly deliveryRateBytesPerSecond: number | undefined;
  /** Payload, retransmissions included. */
  readonly bytesSent: number | undefined;
  readonly bytesResent: number | undefined;
}

const protocolTcp = 6;
const tcpInfoOption = 11;
const infoBytesMax = 512; // 280 today; the kernel fills what it has and says how much
const lengthAt = 512;
const bytesAckedEnd = 144; // Linux 4.2, older ones are out of reach

/**
 * State of the TCP connection on a socket's descriptor (`socket._handle.fd`): undefined for another kind of socket, or one
 * that is closed. Throws PosixError.
 */
export function tcpInfo(fd: number): TcpInfo | undefined {
  const { view, address } = struct;
  view.setUint32(lengthAt, infoBytesMax, true);
  const result = attempt(() => libc.getsockopt(fd, protocolTcp, tcpInfoOption, address, address + lengthAt));
  if (notTcp.has(-result)) return undefined;
  if (result < 0) throw posixError('getsockopt', -result);
  return decodeTcpInfo(view, view.getUint32(lengthAt, true));
}

const notTcp: ReadonlySet<number> = new Set([Errno.EBADF, Errno.ENOTSOCK, Errno.ENOPROTOOPT, Errno.ENOTSUP]);

/** struct tcp_info of linux/tcp.h: it only ever grows at its end. */
function decodeTcpInfo(view: DataView, length: number): TcpInfo | undefined {
  if (length < bytesAckedEnd) return undefined;
  const uint32 = (offset: number) => view.getUint32(offset, true);
  const laterUint32 = (offset: number) => (offset + 4 <= length ? uint32(offset) : undefined);
  const laterInt64 = (offset: number) => (offset + 8 <= length ? readInt64(view, offset) : undefined);
  return {
    rttUs: uint32(68),
    rttVarUs: uint32(72),
    minRttUs: laterUint32(148),
    sendWindowSegments: uint32(80),
    segmentBytes: uint32(16),
    unackedSegments: uint32(24),
    retransmits: uint32(100),
    bytesAcked: readInt64(view, 120),
    bytesReceived: readInt64(view, 128),
    segmentsOut: uint32(136),
    segmentsIn: uint32(140),
    unsentBytes: laterUint32(144),
    deliveryRateBytesPerSecond: laterInt64(160),
    bytesSent: laterInt64(200),
    bytesResent: laterInt64(208),
  };
}
