import { attempt, libc } from './libc.ts';
import { data, putData, takeData } from './native-arena.ts';

// Every setter here returns false when the kernel or the socket does not have the option: shaping then works with less.

const levelSocket = 1;
const levelIp = 0;
const levelTcp = 6;
const levelIpv6 = 41;
const soMaxPacingRate = 47;
const ipTos = 1;
const ipv6TrafficClass = 67;
const tcpCongestion = 13;
const tcpNotSentLowWater = 25;
const congestionNameBytesMax = 16;
const unlimitedPacing = 0xffffffffffffffffn;

/** Caps what the kernel sends on a socket, without a queueing discipline; `Infinity` lifts the cap. */
export function setMaxPacingRate(fd: number, bytesPerSecond: number): boolean {
  const rate = Number.isFinite(bytesPerSecond) ? BigInt(Math.max(1, Math.round(bytesPerSecond))) : unlimitedPacing;
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(rate);
  if (set(fd, levelSocket, soMaxPacingRate, value)) return true;
  // Before Linux 5.0 the option takes 32 bits, and all ones mean no cap.
  const saturated = rate > 0xffffffffn ? 0xffffffff : Number(rate);
  return setUint32(fd, levelSocket, soMaxPacingRate, saturated);
}

/** Says a TCP socket is writable only while fewer than `bytes` wait unsent: what is sent next is then decided late. */
export function setNotSentLowWater(fd: number, bytes: number): boolean {
  return setUint32(fd, levelTcp, tcpNotSentLowWater, bytes);
}

/** Marks a socket's packets with a DSCP (0..63; LE is 1), over IPv4 and IPv6, and IPv4 within an IPv6 socket. */
export function setTrafficClass(fd: number, dscp: number): boolean {
  const overIpv6 = setUint32(fd, levelIpv6, ipv6TrafficClass, dscp << 2);
  const overIpv4 = setUint32(fd, levelIp, ipTos, dscp << 2);
  return overIpv6 || overIpv4;
}

/** Chooses a TCP socket's congestion control ('bbr'); false when the kernel lacks it or keeps it for root. */
export function setCongestionControl(fd: number, name: string): boolean {
  return set(fd, levelTcp, tcpCongestion, Buffer.from(name));
}

/** A TCP socket's congestion control, undefined for another kind of socket. */
export function congestionControl(fd: number): string | undefined {
  const lengthAt = 64;
  data.view.setUint32(lengthAt, congestionNameBytesMax, true);
  const result = attempt(() => libc.getsockopt(fd, levelTcp, tcpCongestion, data.address, data.address + lengthAt));
  if (result < 0) return undefined;
  const name = takeData(data.view.getUint32(lengthAt, true));
  return Buffer.from(name).toString('latin1').replace(/\0.*$/s, '');
}

function setUint32(fd: number, level: number, option: number, value: number): boolean {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return set(fd, level, option, bytes);
}

function set(fd: number, level: number, option: number, value: Uint8Array): boolean {
  putData(value);
  return attempt(() => libc.setsockopt(fd, level, option, data.address, value.length)) >= 0;
}
