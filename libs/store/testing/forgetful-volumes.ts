import { assert, type Random } from '#runtime';
import { type GrowingFile, type VolumeFile, type Volumes, volumeGone, volumeIoError } from '#targets';

export type Operation = 'create' | 'reopen' | 'append' | 'datasync' | 'rename' | 'remove' | 'read' | 'writeSmall';

interface Write {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface Content {
  /** What a reader sees. */
  bytes: Buffer;
  /** What lies on stable storage. */
  durable: Buffer;
  /** Written since the last sync. */
  dirty: Write[];
}

/** A sector is written whole or not at all. */
const sectorBytes = 512;

/**
 * Volumes in memory that really forget: at a power cut each sector that was not synced is there or not, by chance. A
 * sync that is made to fail drops the pages it was to write and calls them clean, as Linux does.
 */
export class ForgetfulVolumes implements Volumes {
  readonly #files = new Map<string, Content>();
  /** Awaited before each operation; what it throws is how the operation fails. */
  before: (operation: Operation, name: string) => void | Promise<void> = () => undefined;

  /** The volumes as they are after a power cut now. */
  afterPowerCut(random: Random): ForgetfulVolumes {
    const after = new ForgetfulVolumes();
    for (const [name, { durable, dirty }] of this.#files) {
      let bytes: Buffer = Buffer.from(durable);
      for (const write of dirty) {
        // Sometimes nothing of a write arrives, so that whole groups vanish too.
        const share = random.fraction() < 0.3 ? 0 : random.fraction();
        for (let at = 0; at < write.bytes.length; at += sectorBytes) {
          if (random.fraction() < share)
            bytes = put(bytes, write.offset + at, write.bytes.subarray(at, at + sectorBytes));
        }
      }
      after.#files.set(name, { bytes, durable: Buffer.from(bytes), dirty: [] });
    }
    return after;
  }

  /** The same content, durable as a reader sees it. */
  copy(): ForgetfulVolumes {
    const copy = new ForgetfulVolumes();
    for (const [name, { bytes }] of this.#files) copy.set(name, bytes);
    return copy;
  }

  /** The content of a file that a reader would get. */
  get(name: string): Buffer {
    return this.#content(name).bytes;
  }

  /** Replaces the content of a file behind the back of everybody. */
  set(name: string, bytes: Uint8Array): void {
    this.#files.set(name, { bytes: Buffer.from(bytes), durable: Buffer.from(bytes), dirty: [] });
  }

  names(): string[] {
    return [...this.#files.keys()].sort();
  }

  async list(): Promise<VolumeFile[]> {
    return [...this.#files].map(([name, { bytes }]) => ({ name, bytes: bytes.length }));
  }

  async create(name: string): Promise<GrowingFile> {
    await this.#calling('create', name);
    if (this.#files.has(name)) throw volumeIoError(`create ${name}`);
    const content: Content = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0), dirty: [] };
    this.#files.set(name, content);
    return this.#growing(name, content);
  }

  async reopen(name: string, keepBytes: number): Promise<GrowingFile> {
    await this.#calling('reopen', name);
    const content = this.#content(name);
    assert(keepBytes <= content.bytes.length, 'reopen may only cut');
    content.bytes = Buffer.from(content.bytes.subarray(0, keepBytes));
    content.durable = Buffer.from(content.bytes);
    content.dirty = [];
    return this.#growing(name, content);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#calling('rename', from);
    this.#files.set(to, this.#content(from));
    this.#files.delete(from);
  }

  async remove(name: string): Promise<void> {
    await this.#calling('remove', name);
    this.#content(name);
    this.#files.delete(name);
  }

  async readAt(name: string, offset: number, length: number): Promise<Uint8Array> {
    await this.#calling('read', name);
    return Uint8Array.from(this.#content(name).bytes.subarray(offset, offset + length));
  }

  async readSmall(name: string): Promise<Uint8Array | undefined> {
    return this.#files.get(name)?.bytes;
  }

  async writeSmall(name: string, content: Uint8Array): Promise<void> {
    await this.#calling('writeSmall', name);
    this.set(name, content);
  }

  async freeBytes(): Promise<number> {
    return 2 ** 40;
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  #growing(name: string, content: Content): GrowingFile {
    const calling = (operation: Operation) => this.#calling(operation, name);
    return {
      get length() {
        return content.bytes.length;
      },
      async append(parts) {
        const bytes = Buffer.concat(parts);
        await calling('append');
        content.dirty.push({ offset: content.bytes.length, bytes });
        content.bytes = Buffer.concat([content.bytes, bytes]);
      },
      async datasync() {
        const written = content.dirty.splice(0);
        await calling('datasync');
        for (const { offset, bytes } of written) content.durable = put(content.durable, offset, bytes);
      },
      async close() {
        await Promise.resolve();
      },
    };
  }

  async #calling(operation: Operation, name: string): Promise<void> {
    // Others have their turn, as they do while a disk works.
    await new Promise((resolve) => setImmediate(resolve));
    await this.before(operation, name);
  }

  #content(name: string): Content {
    const content = this.#files.get(name);
    if (content === undefined) throw volumeGone(`find ${name}`);
    return content;
  }
}

function put(target: Buffer, offset: number, bytes: Uint8Array): Buffer {
  const grown = Buffer.alloc(Math.max(target.length, offset + bytes.length));
  grown.set(target, 0);
  grown.set(bytes, offset);
  return grown;
}
