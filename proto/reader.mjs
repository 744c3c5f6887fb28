// Sitepair's stand-alone reader, written from the pages beside it (FORMAT.md, KEYS.md, *.proto): it proves that they suffice.
import { spawnSync } from 'node:child_process';
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import * as util from 'node:util';
import * as zlib from 'node:zlib';

const help = `Reads Sitepair's packs without Sitepair. Needs Node 24.7 or later and nothing else.

  node reader.mjs PACKS-FOLDER --kit FILE|CODE [--passphrase-file FILE]         lists the snapshots
  node reader.mjs PACKS-FOLDER --kit ... restore ID[:PATH] --to DIR             restores one, or what is at PATH in it

PACKS-FOLDER holds *.pack, *.open and keyring.sealed, at any depth. FILE has the kit's page or its CODE (20002-20G38-...; the
24 words are not read); a CODE given here can be seen by others on this machine. A passphrase is its file's text without a line
end at the end. An ID's first characters suffice. DIR must be new or empty: a folder's content fills it, anything else lands in
it under its name. Names that are not UTF-8 are shown as Latin-1, unprintable characters as \\xNN; PATH is given like that. A
file is restored whole or not at all. Ends with 0, 1 (failed), 2 (usage) or 3 (done, but damage or what is not set was named).`;

function warn(text) {
  process.exitCode = 3;
  console.error(text);
}
function check(holds, message, exitCode) {
  if (!holds) throw Object.assign(new Error(message), { exitCode });
}
/** What fails is named and stepped over, unless it has to end the program. */
function attempt(what, act) {
  try {
    return act();
  } catch (error) {
    if (error.exitCode || ['ENOSPC', 'EDQUOT', 'EROFS'].includes(error.code)) throw error;
    return warn(`${what}: ${error.message}`);
  }
}
/** Bytes as text that is safe on a terminal. */
function show(bytes) {
  const text = bytes.toString(Buffer.from(bytes.toString()).equals(bytes) ? 'utf8' : 'latin1');
  return text.replace(/[\p{C}\\]/gu, (c) => `\\x${c.codePointAt(0).toString(16).padStart(2, '0')}`);
}
const fromHex = (text) => Buffer.from(text, 'hex');
const label = (purpose) => Buffer.from(`sitepair ${purpose} v1\0`);
const hkdf = (secret, salt, info, size) => Buffer.from(crypto.hkdfSync('sha256', secret, salt, info, size));
const digest = (hash, parts) => parts.reduce((running, part) => running.update(part), hash).digest();
const sha256 = (...parts) => digest(crypto.createHash('sha256'), parts);
/** Whether the last `n` bytes are the first ones of the SHA-256 of `prefix` and all before. */
const isSummed = (all, n, prefix = '') => sha256(prefix, all.subarray(0, -n)).subarray(0, n).equals(all.subarray(-n));

// ---- Recovery kit and keyring: KEYS.md, sections 2 and 5 to 8
/** The keys of a kit from its code, which stands alone or on the kit's page. */
function readKit(given, passphraseFile) {
  const text = fs.existsSync(given) ? fs.readFileSync(given, 'utf8') : given;
  const [, section] = text.split(/^\s*CODE\s*$/m);
  const letters = (section?.trim().split(/\n\s*\n/)[0] ?? text).replace(/[\s\p{Pd}\u2212]/gu, '').toUpperCase();
  const digits = [...letters].map((c) => '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf({ O: 0, I: 1, L: 1 }[c] ?? c));
  check(digits.length === 70 && !digits.includes(-1), '--kit: no code of 14 groups of 5, nor a file that has it', 1);
  const groups = Array.from({ length: 14 }, (_, g) => digits.slice(5 * g, 5 * g + 5));
  const wrong = groups.flatMap(([a, b, c, d, e], g) => ((g + a + 3 * b + 5 * c + 7 * d) % 32 === e ? [] : g + 1));
  check(wrong.length === 0, `--kit: the code is mistyped in group ${wrong.join(', ')}`, 1);
  const number = groups.flatMap((group) => group.slice(0, 4)).reduce((sum, digit) => sum * 32n + BigInt(digit), 0n);
  const code = fromHex(number.toString(16).padStart(70, '0'));
  check(isSummed(code, 2, label('recovery kit code')), '--kit: the code is mistyped: its checksum does not hold', 1);
  check(code[0] >> 1 === 8, '--kit: a code of a version that this reader does not know', 1);
  const seed = code.subarray(1, 33);
  if (code[0] % 2 === 0) return kitKeys(seed);
  check(passphraseFile, 'This kit needs its passphrase: give --passphrase-file', 2);
  const passphrase = fs.readFileSync(passphraseFile, 'utf8').replace(/\r?\n$/, '');
  const nonce = sha256(label('kit passphrase'), seed).subarray(0, 16);
  const cost = { memory: 65536, passes: 3, parallelism: 1, tagLength: 32 };
  const stretched = crypto.argon2Sync('argon2id', { message: passphrase.normalize('NFKC'), nonce, ...cost });
  return kitKeys(Buffer.concat([seed, stretched]));
}
function kitKeys(secret) {
  const privateKey = (info, size, prefix) => {
    const key = Buffer.concat([fromHex(prefix), hkdf(secret, label('recovery kit'), info, size)]);
    return crypto.createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  };
  const publicOf = (key, size) => crypto.createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-size);
  const x25519 = privateKey('x25519', 32, '302e020100300506032b656e04220420');
  const mlKem = privateKey('ml-kem-768', 64, '3054020100300b060960864801650304040204428040');
  const ed25519 = privateKey('ed25519', 32, '302e020100300506032b657004220420');
  const publics = [publicOf(x25519, 32), publicOf(mlKem, 1184), publicOf(ed25519, 32)];
  return { x25519, mlKem, publics, id: sha256(...publics).toString('hex', 0, 8) };
}
/** Opens an XAES-256-GCM seal. */
function unseal(key, nonce, sealed, associated) {
  const ecb = (blocks) => crypto.createCipheriv('aes-256-ecb', key, null).setAutoPadding(false).update(blocks);
  const number = (bytes) => BigInt(`0x${bytes.toString('hex')}`);
  const l = number(ecb(Buffer.alloc(16)));
  const s = BigInt.asUintN(128, l << 1n) ^ ((l >> 127n) * 0x87n);
  const block = (i) => number(Buffer.concat([Buffer.of(0, i, 0x58, 0), nonce.subarray(0, 12)])) ^ s;
  const derived = ecb(fromHex([1, 2].map((i) => block(i).toString(16).padStart(32, '0')).join('')));
  const gcm = crypto.createDecipheriv('aes-256-gcm', derived, nonce.subarray(12), { authTagLength: 16 });
  gcm.setAAD(associated).setAuthTag(sealed.subarray(-16));
  return Buffer.concat([gcm.update(sealed.subarray(0, -16)), gcm.final()]);
}
/** Opens a sealed keyring and keeps its keys. */
function addKeyring(sealed, kit) {
  check(sealed.length >= 120 && sealed.toString('latin1', 0, 8) === 'SPKEYR\r\n', 'no sealed keyring');
  check(isSummed(sealed, 32), 'its checksum does not hold');
  const [header, version, kits] = [sealed.subarray(0, 88), sealed.readUInt16LE(8), sealed.readUInt16LE(58)];
  const bodyAt = 88 + 1200 * kits;
  check(version === 1 && bodyAt + sealed.readUInt32LE(84) + 32 === sealed.length, 'of another version');
  const entries = Array.from({ length: kits }, (_, i) => sealed.subarray(88 + 1200 * i, 1288 + 1200 * i));
  const ids = entries.map((entry) => entry.toString('hex', 0, 8));
  const mine = entries[ids.indexOf(kit.id)];
  check(mine, `sealed for the kits ${ids.join(', ')}; this is kit ${kit.id}, or its passphrase is another`);
  const key = { kty: 'OKP', crv: 'X25519', x: mine.toString('base64url', 8, 40) };
  const publicKey = crypto.createPublicKey({ key, format: 'jwk' });
  const s1 = crypto.diffieHellman({ privateKey: kit.x25519, publicKey });
  const s2 = crypto.decapsulate(kit.mlKem, mine.subarray(40, 1128));
  const wrap = hkdf(Buffer.concat([s1, s2]), label('keyring wrap'), sha256(mine.subarray(8, 1128), ...kit.publics), 32);
  const contentKey = unseal(wrap, mine.subarray(1128, 1152), mine.subarray(1152), header);
  const body = unseal(contentKey, header.subarray(60, 84), sealed.subarray(bodyAt, -32), header);
  const bytes = body.subarray(4, 4 + body.readUInt32LE(0));
  check(sha256(bytes).equals(header.subarray(26, 58)), 'its hash does not hold');
  const summed = Buffer.concat([label('keyring'), bytes.subarray(0, -18), bytes.subarray(-16)]);
  check(isSummed(summed, 16), 'its inner checksum does not hold');
  const keyring = decode(bytes, 'Keyring');
  check(keyring.version === 1 && keyring.realmId.equals(header.subarray(10, 26)), 'its header is of another realm');
  for (const { id, key } of keyring.domains) keys.domains.set(id.toString('hex'), key);
  for (const { id, key } of keyring.dataKeys) keys.dataKeys.set(id.toString('hex'), key);
}

// ---- Protobuf: each message's fields in the order of their numbers, a field's own message behind its name
const shapes = `Keyring(version realmId - domains:Key* dataKeys:Key*) Key(id key)
Node(body:Directory body:Index body:List manifest:Manifest) Directory(items:Entry*)
Index(parts:Segment*) Segment(- hash) List(items:Extent* parts:Part*) Extent(hash size) Part(hash)
Entry(name kind mode uid gid - - seconds nanos size extents:Extent* list directory target major minor xattrs:Xattr*
inode links fileSystem - - state) Xattr(name)
Manifest(- siteId - dataset host - root:Entry isVirtual seconds - - - totals:Totals) Totals(files - - bytes)`;
const parsed = [...shapes.matchAll(/(\w+)\(([^)]+)\)/g)].map(([, name, fields]) => [name, fields.split(/\s/)]);
const fieldsOf = Object.fromEntries(parsed.map(([name, list]) => [name, list.map((field) => field.split(/[:*]/))]));
/** A message as an object: numbers, Buffers, messages. What is not there is 0, or an empty array. */
function decode(bytes, shape) {
  const fields = fieldsOf[shape];
  const message = Object.fromEntries(fields.map(([name, , many]) => [name, many === '' ? [] : 0]));
  let at = 0;
  const varint = () => {
    const byte = bytes[at++];
    check(byte !== undefined, `no ${shape}`);
    return byte < 128 ? byte : byte - 128 + 128 * varint();
  };
  while (at < bytes.length) {
    const tag = varint();
    let value = varint();
    at += tag % 8 === 2 ? value : 0;
    check(at <= bytes.length && (tag % 8 === 0 || tag % 8 === 2), `no ${shape}`);
    if (tag % 8 === 2) value = bytes.subarray(at - value, at);
    const [name, type, many] = fields[Math.floor(tag / 8) - 1] ?? [];
    if (type) value = decode(value, type);
    if (many === '') message[name].push(value);
    else message[name] = value;
  }
  return message;
}
const signed = (zigzag) => (zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2);

// ---- Packs and records: FORMAT.md, sections 1 to 4 and 6. An id is a string of 20 Latin-1 characters.
const keys = { domains: new Map(), dataKeys: new Map() };
const [packs, nodes, broken, opened] = [[], new Set(), new Set(), new Map()];
// Id -> places, each a pack's number times 2^32 plus an offset. By first byte, since a Map holds 2^24 entries at most.
const places = Array.from({ length: 256 }, () => new Map());
const magic = (letter) => `\xa7SP${letter}\r\n\x1a1`;
const isMagic = (bytes, letter) => bytes.toString('latin1', 0, 8) === magic(letter);
const idAt = (bytes, at) => bytes.toString('latin1', at, at + 20);
const idsAt = (bytes, at, n) => Array.from({ length: n }, (_, i) => idAt(bytes, at + 20 * i));
/** Up to `size` bytes of a file: fewer at its end. */
function readAt(file, offset, size) {
  const [fd, bytes] = [fs.openSync(file), Buffer.alloc(size)];
  const read = fs.readSync(fd, bytes, 0, size, offset);
  fs.closeSync(fd);
  return bytes.subarray(0, read);
}
/** The record at an offset, its lengths and checksum checked. */
function readRecord(read, offset) {
  const head = read(offset, 64);
  check(head.length === 64 && isMagic(head, 'R'), 'no record');
  const [kind, flags, n, m, s] = [head[9], head.readUInt16LE(10), ...[12, 16, 20].map((at) => head.readUInt32LE(at))];
  check(head[8] === 1 && (kind === 1 || kind === 2) && flags < 2, 'a record that this reader does not know');
  check(n > 0 && n <= 4096 && m <= 65536 && s >= 17 && s <= 2 ** 22 + 2 ** 16, 'a record with impossible lengths');
  const sealedAt = 64 + 20 * n + (flags ? 36 : 20) * m;
  const bytes = read(offset, sealedAt + s + 16);
  check(bytes.length === sealedAt + s + 16 && isSummed(bytes, 16), 'a record that is damaged or cut off');
  return { kind, ids: idsAt(bytes, 64, n), offset, bytes, sealedAt };
}
/** The records that a closed pack's footer names; nothing when trailer and footer do not check. */
function readFooter(file) {
  const { size } = fs.statSync(file);
  const trailer = readAt(file, Math.max(0, size - 64), 64);
  const [offset, length] = isMagic(trailer, 'F') ? [8, 16].map((at) => Number(trailer.readBigUInt64LE(at))) : [];
  const footer = offset + length + 64 === size ? readAt(file, offset, length) : trailer;
  if (!isSummed(trailer, 32, footer)) return undefined;
  const records = [];
  for (let at = 0; at < length; at += 40 + 20 * records.at(-1).ids.length) {
    const ids = idsAt(footer, at + 40, footer.readUInt16LE(at + 14));
    records.push({ kind: footer[at + 12], ids, offset: Number(footer.readBigUInt64LE(at)) });
  }
  return records;
}
/** Every record of a pack whose checksum holds, from magic to magic. Markers tell nothing that this reader needs. */
function* walkPack(file) {
  const pack = fs.readFileSync(file);
  for (let at = 64; at < pack.length; ) {
    try {
      const record = readRecord((offset, size) => pack.subarray(offset, offset + size), at);
      yield record;
      at += record.bytes.length;
    } catch (error) {
      const next = pack.indexOf(magic('R'), at + 1, 'latin1');
      const size = (next < 0 ? pack.length : next) - at;
      // A marker is 128 bytes, whole or damaged. An open pack may end in what was never acknowledged.
      const isTail = next < 0 && file.endsWith('.open') && !pack.includes(magic('C'), at, 'latin1');
      if (size !== 128 && !isTail) warn(`${file} at ${at}: skipped ${size} bytes: ${error.message}`);
      at += size;
    }
  }
}
function addPack(file) {
  const header = readAt(file, 0, 64);
  if (!isMagic(header, 'P') || !isSummed(header, 16) || header[8] !== 1) warn(`${file}: its header is damaged`);
  const records = readFooter(file);
  if (!records && file.endsWith('.pack')) warn(`${file}: its footer does not check; searching for records`);
  for (const { kind, ids, offset } of records ?? walkPack(file))
    for (const id of ids) {
      const known = places[id.charCodeAt(0)];
      known.set(id, [...(known.get(id) ?? []), packs.length * 2 ** 32 + offset]);
      if (kind === 2) nodes.add(id);
    }
  packs.push(file);
}
const idOf = (kind, domain, hash) =>
  idAt(digest(crypto.createHmac('sha256', keys.domains.get(domain)), [Buffer.of(kind), hash]), 0);
/** Opens the record at a place: what lies in it by id, each checked against its id. */
function openRecord(file, start) {
  const { kind, ids, bytes, sealedAt } = readRecord((offset, size) => readAt(file, offset, size), start);
  const [domain, keyId] = [bytes.toString('hex', 24, 32), bytes.toString('hex', 32, 40)];
  const key = keys.dataKeys.get(keyId);
  check(key && keys.domains.has(domain), `sealed under key ${keyId} of domain ${domain}, which the keyring lacks`);
  const inner = unseal(key, bytes.subarray(40, 64), bytes.subarray(sealedAt, -16), bytes.subarray(0, sealedAt));
  const stored = inner.subarray(5, 5 + inner.readUInt32LE(1));
  const maxOutputLength = kind === 2 ? 2 ** 21 : 2 ** 22;
  const body = inner[0] === 1 ? zlib.zstdDecompressSync(stored, { maxOutputLength }) : stored;
  const contents = new Map();
  let at = kind === 2 ? 0 : 4 + 4 * ids.length;
  for (const [i, id] of ids.entries()) {
    const content = body.subarray(at, kind === 2 ? body.length : at + body.readUInt32LE(4 + 4 * i));
    check(idOf(kind, domain, sha256(content)) === id, 'its content is not what its ids say');
    contents.set(id, content);
    at += content.length;
  }
  return { domain, contents };
}
/** {content, domain} of an id, from the first of its places that is sound; names those that are not, once each. */
function get(id) {
  const known = places[id.charCodeAt(0)].get(id) ?? [];
  for (const place of known.filter((it) => !broken.has(it))) {
    const [file, offset] = [packs[Math.floor(place / 2 ** 32)], place % 2 ** 32];
    const record = opened.get(place) ?? attempt(`${file} at ${offset}: skipped`, () => openRecord(file, offset));
    const content = record?.contents.get(id);
    if (!content) broken.add(place);
    // 16 records of at most 4 MiB: small files lie in one record, in the order in which they are restored.
    else if (opened.set(place, record).size > 16) opened.delete(opened.keys().next().value);
    if (content) return { content, domain: record.domain };
  }
  const name = Buffer.from(id, 'latin1').toString('hex');
  throw new Error(`content ${name} is ${known.length > 0 ? 'damaged in every pack that has it' : 'in no pack'}`);
}

// ---- Snapshots and files: FORMAT.md, section 5
const [FILE, DIRECTORY, SYMLINK, FIFO, CHANGED_WHILE_READ, UNREADABLE] = [1, 2, 3, 4, 1, 2];
const run = { domain: '', linked: new Map(), restored: 0 };
const fetch = (kind, hash) => get(idOf(kind, run.domain, hash)).content;
const join = (folder, name) => Buffer.concat([folder, Buffer.from('/'), name || Buffer.alloc(0)]);
/** The manifests whose ids begin so, oldest first. No list has them: they are found among the nodes. */
function findSnapshots(prefix) {
  const snapshots = [];
  for (const latin1 of nodes) {
    const id = Buffer.from(latin1, 'latin1').toString('hex');
    const node = id.startsWith(prefix) ? attempt('node', () => get(latin1)) : undefined;
    const isManifest = node?.content[0] === 0x22; // The tag of Node.manifest.
    if (isManifest) snapshots.push({ id, domain: node.domain, ...decode(node.content, 'Node').manifest });
  }
  return snapshots.sort((a, b) => signed(a.seconds) - signed(b.seconds));
}
/** The entries of a directory, or the extents of a list of contents, in all parts; `guard` calls what may fail. */
function* itemsOf(hash, guard, depth = 0) {
  check(depth < 32, 'its parts are nested too deep');
  const { items = [], parts = [] } = guard(() => decode(fetch(2, hash), 'Node').body) || {};
  yield* items;
  for (const part of parts) yield* itemsOf(part.hash, guard, depth + 1);
}
const entriesOf = ({ directory }, name) => itemsOf(directory, (act) => attempt(`${show(name)}: entries are lost`, act));
/** Makes `target`, which is not there: only the top directory is, and empty. So no symlink is ever followed. */
function restore(entry, target, depth) {
  const { kind, inode } = entry;
  attempt(`${show(target)}: not restored`, () => {
    check(depth === 0 || /^(?!\.\.?$)[^/\0]{1,255}$/.test((entry.name || '').toString('latin1')), 'no file name');
    check(depth <= 4096, 'deeper than 4096 directories');
    const link = entry.links > 1 && inode && kind !== DIRECTORY && `${entry.fileSystem} ${inode.toString('hex')}`;
    if (run.linked.has(link)) return fs.linkSync(run.linked.get(link), target);
    if (kind === FILE) writeFile(entry, target);
    else if (kind === SYMLINK) fs.symlinkSync(entry.target, target);
    else if (kind === FIFO) makeFifo(target.toString(), target);
    else {
      check(kind === DIRECTORY, `a socket or a device (kind ${kind}, ${entry.major}:${entry.minor})`);
      if (depth > 0) fs.mkdirSync(target, 0o700);
      if (entry.state === UNREADABLE) warn(`${show(target)}: could not be read when it was backed up`);
      else for (const child of entriesOf(entry, target)) restore(child, join(target, child.name), depth + 1);
    }
    if (!entry.isVirtual) describe(entry, target);
    if (link) run.linked.set(link, target);
    run.restored += 1;
  });
}
const makeFifo = (text, target) =>
  check(Buffer.from(text).equals(target) && spawnSync('mkfifo', ['--', text]).status === 0, 'a fifo: mkfifo failed');
/** Writes a file whole, or not at all. */
function writeFile({ state, size, list, extents }, target) {
  check(state !== UNREADABLE, 'could not be read when it was backed up');
  if (state === CHANGED_WHILE_READ) warn(`${show(target)}: changed while it was backed up`);
  fs.writeFileSync(target, '', { flag: 'wx', mode: 0o600 });
  try {
    let at = 0;
    for (const extent of list ? itemsOf(list, (act) => act()) : extents) {
      const content = extent.hash && fetch(1, extent.hash);
      check(!content || content.length === extent.size, 'a chunk has another length than its extent');
      at += extent.size;
      if (content) fs.appendFileSync(target, content);
      else fs.truncateSync(target, at);
    }
    check(at === size, `it has ${at} of ${size} bytes`);
  } catch (error) {
    fs.unlinkSync(target);
    throw error;
  }
}
/** Sets owner, mode and times of what was just made. */
function describe({ kind, uid, gid, mode, seconds, nanos, xattrs }, target) {
  const set = (what, act) => attempt(`${show(target)}: ${what} not set`, act);
  if (process.getuid?.() === 0) set('owner', () => fs.lchownSync(target, uid, gid));
  const now = fs.lstatSync(target);
  const isOwn = now.uid === uid && now.gid === gid;
  if (!isOwn) warn(`${show(target)}: owner ${uid}:${gid} not set, nor setuid and setgid`);
  if (kind !== SYMLINK) set('mode', () => fs.chmodSync(target, mode & (isOwn ? 0o7777 : 0o1777)));
  const time = String(signed(seconds) + nanos / 1e9); // As text: Node takes a number below zero for now.
  set('time', () => fs.lutimesSync(target, time, time));
  if (xattrs.length > 0) warn(`${show(target)}: not set: ${xattrs.map((xattr) => show(xattr.name)).join(', ')}`);
}

// ---- The command line
function restoreSnapshot(wanted, to) {
  const [, prefix, inside = ''] = /^([0-9a-f]{1,40})(?::(.*))?$/is.exec(wanted) ?? [];
  check(prefix, `${wanted}: a snapshot is given by the first characters of its id`, 2);
  const found = findSnapshots(prefix.toLowerCase());
  check(found.length === 1, `${found.length} snapshots have an id that begins with ${prefix}`, 1);
  run.domain = found[0].domain;
  let entry = { ...found[0].root, isVirtual: found[0].isVirtual };
  for (const name of inside.split('/').filter(Boolean)) {
    entry = entriesOf(entry, Buffer.from(name)).find((child) => show(child.name) === name);
    check(entry, `There is no ${name} in ${wanted}`, 1);
  }
  fs.mkdirSync(to, { recursive: true, mode: 0o700 });
  check(fs.readdirSync(to).length === 0, `${to} is not empty`, 1);
  const target = fs.realpathSync(to, 'buffer');
  if (entry.kind === DIRECTORY) restore(entry, target, 0);
  else restore(entry, join(target, entry.name), 1);
  console.log(`Restored to ${to}: ${run.restored} files, directories and others; times to the microsecond`);
}
function listSnapshots() {
  for (const { id, seconds, siteId, host, dataset, totals } of findSnapshots('')) {
    const time = new Date(signed(seconds) * 1000).toISOString().slice(0, 19);
    const names = `${show(dataset)}  host ${show(host)}  site ${siteId.toString('hex')}`;
    console.log(`${id.slice(0, 16)}  ${time}Z  ${names}  ${totals.files ?? 0} files  ${totals.bytes ?? 0} bytes`);
  }
}
function main() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  check(major * 100 + minor >= 2407, `This reader needs Node 24.7 or later; this is ${process.version}.`, 1);
  const text = { type: 'string' };
  const options = { kit: text, to: text, 'passphrase-file': text, help: { type: 'boolean' } };
  const { values, positionals } = util.parseArgs({ options, allowPositionals: true });
  if (values.help) return console.log(help);
  const [folder, command, wanted, more] = positionals;
  check(folder && values.kit && (!command || (command === 'restore' && wanted && values.to && !more)), help, 2);
  const kit = readKit(values.kit, values['passphrase-file']);
  for (const name of fs.globSync('**/{keyring.sealed,*.pack,*.open}', { cwd: folder }).sort()) {
    const file = `${folder}/${name}`;
    attempt(file, () => (file.endsWith('.sealed') ? addKeyring(fs.readFileSync(file), kit) : addPack(file)));
  }
  check(keys.dataKeys.size > 0, 'No keyring.sealed there that this kit opens; every store has one in packs/', 1);
  if (command) restoreSnapshot(wanted, values.to);
  else listSnapshots();
}
try {
  main();
} catch (error) {
  console.error(error.message);
  process.exitCode = error.exitCode ?? (error.code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1);
}
