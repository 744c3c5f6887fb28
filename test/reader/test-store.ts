import '#wire';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createIdentity,
  createKeyring,
  createKitSeed,
  endorseKit,
  type Keyring,
  type KitSeed,
  kitCode,
  openKit,
  sealKeyring,
  withKit,
  withNewDataKey,
  withNewDomain,
  writeKitText,
} from '#keys';
import {
  type ContentHash,
  type DomainId,
  type Entry,
  EntryKind,
  type Manifest,
  type SiteId,
  type TreeNode,
} from '#model';
import { compressBody, KeyBook, sealLeaf, sealNode } from '#records';
import { systemRandom, toHex } from '#runtime';
import { encodeFrame, encodeNode, sha256 } from '#wire';
import { packBytes } from './pack-bytes.ts';

export const readerPath = fileURLToPath(new URL('../../proto/reader.mjs', import.meta.url));
const none = new Uint8Array(0);

/** A store written by hand after FORMAT.md: records are gathered, then put into packs. */
export class TestStore implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'sitepair-reader-'));
  readonly packs = join(this.folder, 'packs');
  readonly kit: KitSeed;
  readonly siteId = systemRandom.bytes(16) as SiteId;
  readonly leaves: Uint8Array[] = [];
  readonly nodes: Uint8Array[] = [];
  readonly domainId: DomainId;
  #keyring: Keyring;
  #packCount = 0;
  readonly #passphrase: string | undefined;

  private constructor(kit: KitSeed, passphrase: string | undefined, keyring: Keyring, domainId: DomainId) {
    this.#passphrase = passphrase;
    this.kit = kit;
    this.domainId = domainId;
    this.#keyring = keyring;
    mkdirSync(join(this.packs, '000000'), { recursive: true });
    this.rotate(1);
  }

  static async create(passphrase?: string): Promise<TestStore> {
    const site = createIdentity(systemRandom);
    const by = { random: systemRandom, siteId: site.siteId, createdSeconds: 1 };
    const kit = createKitSeed(systemRandom, passphrase !== undefined);
    const opened = await openKit(kit, passphrase);
    const { keyring, domain } = withNewDomain(createKeyring(systemRandom), by);
    return new TestStore(kit, passphrase, withKit(keyring, endorseKit(opened, site, 1)), domain.domainId);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The page to print. */
  async kitPage(): Promise<string> {
    const opened = await openKit(this.kit, this.#passphrase);
    return writeKitText(this.kit, { siteName: 'attic', realmFingerprint: 'F', createdSeconds: 1, opened });
  }

  get code(): string {
    return kitCode(this.kit);
  }

  /** A new data key seals what comes. */
  rotate(createdSeconds: number): void {
    this.#keyring = withNewDataKey(this.#keyring, {
      random: systemRandom,
      siteId: this.siteId,
      createdSeconds,
    }).keyring;
    writeFileSync(join(this.packs, 'keyring.sealed'), sealKeyring(this.#keyring, systemRandom));
  }

  get #context() {
    return { keys: new KeyBook(this.#keyring), domainId: this.domainId, random: systemRandom };
  }

  /** Seals these chunks as one frame. */
  async addLeaf(...chunks: readonly Uint8Array[]): Promise<void> {
    const hashes = chunks.map((chunk) => sha256(chunk) as ContentHash);
    this.leaves.push(sealLeaf(this.#context, hashes, await compressBody(encodeFrame(chunks))).bytes);
  }

  async addNode(node: TreeNode): Promise<Uint8Array> {
    const payload = encodeNode(node);
    const hash = sha256(payload) as ContentHash;
    this.nodes.push(sealNode(this.#context, hash, payload, await compressBody(payload)).bytes);
    return hash;
  }

  async addFile(name: string | Uint8Array, content: Uint8Array | string, more: Partial<Entry> = {}): Promise<Entry> {
    const chunk = Buffer.from(content);
    if (chunk.length > 0) await this.addLeaf(chunk);
    const extents = chunk.length > 0 ? [{ chunkHash: sha256(chunk), length: chunk.length }] : [];
    return entry({ name: Buffer.from(name), size: chunk.length, extents, ...more });
  }

  async addDirectory(name: string | Uint8Array, entries: Entry[], more: Partial<Entry> = {}): Promise<Entry> {
    const sorted = [...entries].sort((a, b) => Buffer.compare(a.name, b.name));
    const directoryHash = await this.addNode({ type: 'directory', directory: { entries: sorted } });
    return entry({ name: Buffer.from(name), kind: EntryKind.directory, mode: 0o755, directoryHash, ...more });
  }

  /** A manifest over this root; returns the snapshot's id. */
  async addSnapshot(root: Entry, more: Partial<Manifest> = {}): Promise<string> {
    await this.addNode({ type: 'manifest', manifest: { ...manifest(this.siteId, root), ...more } });
    return toHex((this.nodes.at(-1) ?? none).subarray(64, 84));
  }

  /** Writes what was gathered, each record a group, and forgets it; returns path and records' offsets of both packs. */
  writePacks(closed = true): { readonly leaves: WrittenPack; readonly nodes: WrittenPack } {
    return { leaves: this.#writePack(1, this.leaves, closed), nodes: this.#writePack(2, this.nodes, closed) };
  }

  #writePack(packClass: 1 | 2, records: Uint8Array[], closed: boolean): WrittenPack {
    const groups = Array.from({ length: Math.ceil(records.length / 3) }, (_, i) => records.slice(3 * i, 3 * i + 3));
    const ids = { packId: systemRandom.bytes(16), realmId: this.#keyring.realmId };
    const { bytes, offsets } = packBytes({ class: packClass, ...ids, groups, closed });
    const name = String(this.#packCount++).padStart(10, '0');
    const path = join(this.packs, '000000', `${name}.${closed ? 'pack' : 'open'}`);
    writeFileSync(path, bytes);
    records.length = 0;
    return { path, offsets };
  }

  /** Runs the reader on this store with its kit. */
  read(...more: string[]): ReaderRun {
    return runReader(this.packs, '--kit', this.code, ...more);
  }
}

export interface WrittenPack {
  readonly path: string;
  readonly offsets: number[];
}

export interface ReaderRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function runReader(...args: string[]): ReaderRun {
  return spawnSync(process.execPath, [readerPath, ...args], { encoding: 'utf8' });
}

/** Without root's rights, where we have them. */
export function runReaderUnprivileged(...args: string[]): ReaderRun {
  const who = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  return spawnSync(process.execPath, [readerPath, ...args], { encoding: 'utf8', ...who });
}

/** An entry of the caller's own, a file unless `fields` say otherwise. */
export function entry(fields: Partial<Entry>): Entry {
  return {
    name: none,
    kind: EntryKind.file,
    mode: 0o644,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    user: none,
    group: none,
    modifiedSeconds: 1_700_000_000,
    modifiedNanos: 0,
    size: 0,
    extents: [],
    contentListHash: none,
    directoryHash: none,
    linkTarget: none,
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: [],
    inode: none,
    links: 1,
    fileSystem: 0,
    changedSeconds: 0,
    changedNanos: 0,
    state: 0,
    ...fields,
  };
}

function manifest(siteId: SiteId, root: Entry): Manifest {
  return {
    format: 1,
    siteId,
    datasetId: systemRandom.bytes(16),
    datasetName: 'home',
    host: 'archive',
    paths: [Buffer.from('/srv/home')],
    root,
    rootIsVirtual: false,
    startedSeconds: 1_700_000_000,
    startedNanos: 0,
    finishedSeconds: 1_700_000_060,
    finishedNanos: 0,
    totals: { files: 3, directories: 1, others: 0, contentBytes: 4711, changedWhileRead: 0, unreadable: 0 },
    problems: [],
    excludePatterns: [],
    oneFileSystem: false,
    softwareVersion: 'test',
  };
}
