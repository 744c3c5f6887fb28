import { assert } from '#runtime';

const blockBytes = 512;

/** The kinds of members that POSIX knows. */
export const tarTypes = {
  file: '0',
  hardLink: '1',
  symlink: '2',
  characterDevice: '3',
  blockDevice: '4',
  directory: '5',
  fifo: '6',
  extended: 'x',
} as const;

/** One member, all of it; what ustar cannot hold goes into a pax header before it. */
export interface TarMember {
  readonly path: Uint8Array;
  readonly type: (typeof tarTypes)[keyof typeof tarTypes];
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly user: Uint8Array;
  readonly group: Uint8Array;
  readonly size: number;
  readonly modifiedSeconds: number;
  readonly modifiedNanos: number;
  readonly linkPath: Uint8Array;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: readonly { readonly name: Uint8Array; readonly value: Uint8Array }[];
}

/** Zeros from the end of a member of `size` bytes up to the next block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
}

/** Two blocks of zeros end an archive, which is then filled up to the record of 20 blocks that tape drives expect. */
export function tarEnd(bytesBefore: number): Buffer {
  const recordBytes = 20 * blockBytes;
  const end = bytesBefore + 2 * blockBytes;
  return Buffer.alloc(2 * blockBytes + ((recordBytes - (end % recordBytes)) % recordBytes));
}

/** The headers of a member: a pax header when need be, then ustar. */
export function tarHeaders(member: TarMember): Buffer {
  const records = paxRecords(member);
  const ustar = ustarHeader(member);
  if (records.length === 0) return ustar;
  const pax: TarMember = {
    ...member,
    path: Buffer.from('PaxHeaders/member'),
    type: tarTypes.extended,
    mode: 0o644,
    size: records.length,
    modifiedSeconds: 0,
    linkPath: Buffer.alloc(0),
  };
  return Buffer.concat([ustarHeader(pax), records, tarPadding(records.length), ustar]);
}

function ustarHeader(member: TarMember): Buffer {
  const header = Buffer.alloc(blockBytes);
  const text = (value: Uint8Array, at: number, length: number) => header.set(value.subarray(0, length), at);
  const octal = (value: number, at: number, digits: number) => {
    // What does not fit stands in the pax header; a reader that skips that gets the nearest there is.
    const nearest = Math.min(Math.max(value, 0), 8 ** digits - 1);
    header.write(nearest.toString(8).padStart(digits, '0'), at, 'latin1');
  };
  text(member.path, 0, 100);
  octal(member.mode, 100, 7);
  octal(member.uid, 108, 7);
  octal(member.gid, 116, 7);
  octal(member.size, 124, 11);
  octal(member.modifiedSeconds, 136, 11);
  header.write(member.type, 156, 'latin1');
  text(member.linkPath, 157, 100);
  header.write('ustar\x0000', 257, 'latin1');
  text(member.user, 265, 31);
  text(member.group, 297, 31);
  octal(member.deviceMajor, 329, 7);
  octal(member.deviceMinor, 337, 7);
  header.fill(' ', 148, 156);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function paxRecords(member: TarMember): Buffer {
  const records: Buffer[] = [];
  const add = (key: string, value: Uint8Array | string) => records.push(paxRecord(key, Buffer.from(value as string)));
  const names: readonly (readonly [string, Uint8Array, number])[] = [
    ['path', member.path, 100],
    ['linkpath', member.linkPath, 100],
    ['uname', member.user, 31],
    ['gname', member.group, 31],
  ];
  const unusual = names.filter(([, value, length]) => value.length > length || value.some((byte) => byte >= 0x80));
  // POSIX wants UTF-8 here, unless it is told that these are bytes.
  if (unusual.some(([, value]) => !isUtf8(value))) add('hdrcharset', 'BINARY');
  for (const [key, value] of unusual) add(key, value);
  if (member.uid > 0o7777777) add('uid', String(member.uid));
  if (member.gid > 0o7777777) add('gid', String(member.gid));
  if (member.size > 0o77777777777) add('size', String(member.size));
  const { modifiedSeconds, modifiedNanos } = member;
  if (modifiedNanos > 0 || modifiedSeconds < 0 || modifiedSeconds > 0o77777777777) {
    add('mtime', decimalTime(modifiedSeconds, modifiedNanos));
  }
  for (const { name, value } of member.xattrs) {
    // GNU tar's way with the two characters that a key cannot hold.
    const key = Buffer.from(name).toString('latin1').replaceAll('%', '%25').replaceAll('=', '%3D');
    add(`SCHILY.xattr.${key}`, value);
  }
  return Buffer.concat(records);
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. `key` is latin1 text. */
function paxRecord(key: string, value: Uint8Array): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (rest + String(length).length > length) length += 1;
  const record = Buffer.concat([Buffer.from(`${length} ${key}=`, 'latin1'), value, Buffer.from('\n')]);
  assert(record.length === length, 'a pax record is as long as it says');
  return record;
}

/** Seconds since 1970 in decimal; nanoseconds count forward also before it: -86400 s and 250 ms are -86399.75. */
function decimalTime(seconds: number, nanos: number): string {
  if (nanos === 0) return String(seconds);
  const isNegative = seconds < 0;
  const whole = isNegative ? -seconds - 1 : seconds;
  const fraction = isNegative ? 1_000_000_000 - nanos : nanos;
  return `${isNegative ? '-' : ''}${whole}.${String(fraction).padStart(9, '0')}`;
}

function isUtf8(bytes: Uint8Array): boolean {
  return Buffer.from(Buffer.from(bytes).toString()).equals(bytes);
}
