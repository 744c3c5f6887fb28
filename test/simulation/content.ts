import { createHash } from 'node:crypto';
import { type Entry, EntryKind, type Manifest } from '#model';
import { compressBody } from '#records';
import type { UploadSink } from '#replication';
import { toHex } from '#runtime';
import { encodeFrame, encodeNode, sha256 } from '#wire';
import type { SeededRandom } from './machine/random.ts';

/** The files of a client: path (folder/name) -> which content they have. Content follows from its name alone. */
export type ClientFiles = Map<string, string>;

const hashes = new Map<string, Uint8Array>();
const chunkBytes = 1500;

/** What lies in a file of this content: one chunk, or for some names several. */
function chunksOf(content: string): readonly string[] {
  const count = /#(\d+)$/.exec(content)?.[1];
  return Array.from({ length: Number(count ?? 1) }, (_, i) => `${content}/${i}`);
}

function chunkOf(name: string): Uint8Array {
  return createHash('shake128', { outputLength: chunkBytes }).update(name).digest();
}

function hashOf(chunk: string): Uint8Array {
  const known = hashes.get(chunk);
  if (known !== undefined) return known;
  if (hashes.size > 200_000) hashes.clear();
  const hash = sha256(chunkOf(chunk));
  hashes.set(chunk, hash);
  return hash;
}

/** The hashes of all chunks of a file, in order, as hexadecimal. */
export function expectedHashes(content: string): string[] {
  return chunksOf(content).map((chunk) => toHex(hashOf(chunk)));
}

/** A client's files as they are on the first day. */
export function firstFiles(site: string, random: SeededRandom): ClientFiles {
  const files: ClientFiles = new Map();
  for (let i = random.between(4, 12); i > 0; i--) files.set(`d${i % 3}/f${i}`, newContent(site, random));
  return files;
}

/** What people do to their files from one backup to the next. */
export function workOn(files: ClientFiles, site: string, random: SeededRandom): void {
  for (let i = random.between(0, 3); i > 0; i--) files.set(random.pick([...files.keys()]), newContent(site, random));
  if (random.chance(0.2)) files.set(`d${random.between(0, 3)}/n${random.uint32() % 50}`, newContent(site, random));
  if (random.chance(0.1) && files.size > 3) files.delete(random.pick([...files.keys()]));
}

/** Some contents lie at several sites: what one has, the other need not send. */
function newContent(site: string, random: SeededRandom): string {
  const name = random.chance(0.1) ? `common ${random.between(0, 20)}` : `${site} ${toHex(random.bytes(6))}`;
  return random.chance(0.08) ? `${name} #${random.between(5, 20)}` : name;
}

/** Backs up `files` through `sink`, as a client does: asks first, sends what is wanted, then folders, then the manifest. */
export async function backUp(
  sink: UploadSink,
  files: ReadonlyMap<string, string>,
  nowMs: number,
): Promise<{ readonly snapshotId: Uint8Array }> {
  const chunks = [...new Set([...files.values()].flatMap(chunksOf))];
  const wanted = await sink.wantedLeaves(chunks.map(hashOf));
  const missing = chunks.filter((_, i) => wanted[i]);
  for (let at = 0; at < missing.length; at += 4) {
    const frame = missing.slice(at, at + 4);
    await sink.putLeaf({ hashes: frame.map(hashOf), ...(await compressBody(encodeFrame(frame.map(chunkOf)))) });
  }
  const folders = new Map<string, Partial<Entry>[]>();
  for (const [path, content] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [folder = '', name = ''] = path.split('/');
    const extents = chunksOf(content).map((chunk) => ({ chunkHash: hashOf(chunk), length: chunkBytes }));
    const entry = { name: Buffer.from(name), kind: EntryKind.file, size: chunkBytes * extents.length, extents };
    folders.set(folder, [...(folders.get(folder) ?? []), entry]);
  }
  const entries: Partial<Entry>[] = [];
  for (const [folder, inside] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const directoryHash = await putFolder(sink, inside);
    entries.push({ name: Buffer.from(folder), kind: EntryKind.directory, directoryHash });
  }
  const root = { kind: EntryKind.directory, directoryHash: await putFolder(sink, entries) } as Entry;
  const manifestHash = await putManifest(sink, root, nowMs, files.size);
  return { snapshotId: await sink.commit(manifestHash) };
}

async function putFolder(sink: UploadSink, entries: Partial<Entry>[]): Promise<Uint8Array> {
  const payload = encodeNode({ type: 'directory', directory: { entries: entries as Entry[] } });
  const hash = sha256(payload);
  const [isWanted] = await sink.wantedNodes([hash]);
  if (isWanted) await sink.putNode({ hash, ...(await compressBody(payload)) });
  return hash;
}

async function putManifest(sink: UploadSink, root: Entry, nowMs: number, files: number): Promise<Uint8Array> {
  const { siteId, datasetId } = sink.began;
  const seconds = Math.max(0, Math.floor(nowMs / 1000));
  const nanos = Math.floor(nowMs % 1000) * 1_000_000;
  const manifest: Partial<Manifest> = {
    format: 1,
    siteId,
    datasetId,
    datasetName: 'data',
    host: 'host',
    paths: [Buffer.from('/srv')],
    root,
    startedSeconds: seconds,
    startedNanos: nanos,
    finishedSeconds: seconds,
    finishedNanos: nanos,
    totals: { files, directories: 4, others: 0, contentBytes: files * chunkBytes, changedWhileRead: 0, unreadable: 0 },
  };
  const payload = encodeNode({ type: 'manifest', manifest: manifest as Manifest });
  const hash = sha256(payload);
  await sink.putNode({ hash, ...(await compressBody(payload)) });
  return hash;
}
