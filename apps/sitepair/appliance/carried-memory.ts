import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SiteId } from '#model';
import { PlaceSet } from '#replication';
import { makeFolderDurably, readingState, syncFolder, toHex, writeFileDurably } from '#runtime';
import type { StatePaths } from './state-folder.ts';

/** Pack number (8) and offset (8), little-endian. */
const entryBytes = 16;
const suffix = '.places';

/** Which records the disks on their way to a peer carry, a file a disk: the next disk leaves them out. */
export class CarriedMemory {
  readonly #folder: string;

  constructor(paths: StatePaths, peer: SiteId) {
    this.#folder = join(paths.root, 'carried', toHex(peer));
  }

  /** What all disks but one carry. */
  except(diskId: Uint8Array): PlaceSet {
    const places = new PlaceSet();
    for (const file of this.#files()) {
      if (file === this.#file(diskId)) continue;
      const bytes = readingState(file, () => readFileSync(file));
      for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes)
        places.add({ pack: Number(bytes.readBigUInt64LE(at)), offset: Number(bytes.readBigUInt64LE(at + 8)) });
    }
    return places;
  }

  keep(diskId: Uint8Array, places: PlaceSet): void {
    makeFolderDurably(this.#folder);
    const bytes = Buffer.alloc(places.size * entryBytes);
    let at = 0;
    for (const { pack, offset } of places) {
      bytes.writeBigUInt64LE(BigInt(pack), at);
      bytes.writeBigUInt64LE(BigInt(offset), at + 8);
      at += entryBytes;
    }
    writeFileDurably(this.#file(diskId), bytes);
  }

  /** The peer holds it all, or the disks are lost. */
  forget(): void {
    if (!existsSync(this.#folder)) return;
    rmSync(this.#folder, { recursive: true });
    // Were it back after a power cut, the next disk would leave out what a lost one had.
    syncFolder(dirname(this.#folder));
  }

  /** Disks that carry something, but for one. */
  countExcept(diskId: Uint8Array): number {
    return this.#files().filter((file) => file !== this.#file(diskId)).length;
  }

  #file(diskId: Uint8Array): string {
    return join(this.#folder, `${toHex(diskId)}${suffix}`);
  }

  #files(): string[] {
    if (!existsSync(this.#folder)) return [];
    const names = readdirSync(this.#folder).filter((name) => name.endsWith(suffix));
    return names.map((name) => join(this.#folder, name));
  }
}
