import { type Entry, EntryKind, EntryState, type Manifest } from '#model';

const none = new Uint8Array(0);

/** An entry with every field: those that `given` leaves out say nothing. */
export function anEntry(name: string | Uint8Array, kind: EntryKind, given: Partial<Entry> = {}): Entry {
  return {
    name: typeof name === 'string' ? Buffer.from(name) : name,
    kind,
    mode: kind === EntryKind.directory ? 0o755 : 0o644,
    uid: 1000,
    gid: 1000,
    user: Buffer.from('user'),
    group: Buffer.from('group'),
    modifiedSeconds: 1_600_000_000,
    modifiedNanos: 5,
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
    changedSeconds: 1_600_000_000,
    changedNanos: 0,
    state: EntryState.good,
    ...given,
  };
}

/** The top of a snapshot of /data. */
export function aManifest(siteId: Uint8Array, root: Entry): Manifest {
  return {
    format: 1,
    siteId,
    datasetId: new Uint8Array(16).fill(7),
    datasetName: 'data',
    host: 'client.example',
    paths: [Buffer.from('/data')],
    root,
    rootIsVirtual: false,
    startedSeconds: 1_700_000_000,
    startedNanos: 1,
    finishedSeconds: 1_700_000_001,
    finishedNanos: 2,
    totals: { files: 2, directories: 2, others: 2, contentBytes: 223_040, changedWhileRead: 0, unreadable: 0 },
    problems: [],
    excludePatterns: [],
    oneFileSystem: false,
    softwareVersion: '0.0.0',
  };
}
