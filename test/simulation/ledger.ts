import type { ClientFiles } from './content.ts';
import type { Disk } from './machine/disk.ts';

/** A snapshot that was acknowledged to its client. */
export interface KnownSnapshot {
  readonly id: string;
  /** Name of the site that made it. */
  readonly site: string;
  readonly atMs: number;
  readonly files: ReadonlyMap<string, string>;
}

/** What has been promised to whom: against this, everything is held that the sites say and have. */
export class Ledger {
  readonly snapshots = new Map<string, KnownSnapshot>();
  /** Disks that exist and are in use or may come to be. */
  readonly disks = new Set<Disk>();

  /** A backup was reported done by the site on this disk. */
  acknowledged(id: string, site: string, atMs: number, files: ClientFiles, disk: Disk): void {
    if (!this.snapshots.has(id)) this.snapshots.set(id, { id, site, atMs, files: new Map(files) });
    disk.promised.add(id);
  }

  /** Disks that must have it. */
  holders(id: string): Disk[] {
    return [...this.disks].filter((disk) => disk.promised.has(id));
  }

  /** Snapshots that a disk in use has promised. */
  surviving(): KnownSnapshot[] {
    return [...this.snapshots.values()].filter(({ id }) => this.holders(id).length > 0);
  }

  /** True when every promise of this disk is somebody else's too, so that its loss loses nothing. */
  isSpare(disk: Disk): boolean {
    return [...disk.promised].every((id) => this.holders(id).length > 1);
  }
}
