import type { BusyShare } from '#health';
import type { GrowingFile, Volumes } from '#targets';

/** For how long the disk of the packs was waited for. */
export interface DiskWaits {
  readonly reads: BusyShare;
  readonly writes: BusyShare;
}

/** The same volumes, whose reads, writes and syncs are counted while they are under way. */
export function measuredVolumes(volumes: Volumes, { reads, writes }: DiskWaits): Volumes {
  const measured = (file: GrowingFile): GrowingFile => ({
    get length() {
      return file.length;
    },
    append: (parts) => writes.during(file.append(parts)),
    datasync: () => writes.during(file.datasync()),
    close: () => file.close(),
  });
  return {
    list: () => volumes.list(),
    create: async (name) => measured(await volumes.create(name)),
    reopen: async (name, keepBytes) => measured(await volumes.reopen(name, keepBytes)),
    rename: (from, to) => volumes.rename(from, to),
    remove: (name) => volumes.remove(name),
    readAt: (name, offset, length) => reads.during(volumes.readAt(name, offset, length)),
    readSmall: (name) => volumes.readSmall(name),
    writeSmall: (name, content) => volumes.writeSmall(name, content),
    freeBytes: () => volumes.freeBytes(),
    close: () => volumes.close(),
  };
}
