import { EntryKind } from '#model';
import { effectiveUser } from '#posix';
import { AppError } from '#runtime';
import { bytesOf, textOf } from '../path-text.ts';
import { DirectoryWriter } from '../tree/directory-writer.ts';
import { blankEntry } from '../tree/entry-fields.ts';
import { treeLimits } from '../tree/tree-limits.ts';
import { ContentCutter } from './content-cutter.ts';
import { OwnerNames } from './owner-names.ts';
import type { SnapshotResult, UploadOptions } from './snapshot-options.ts';
import { SnapshotRun, secondsAndNanos } from './snapshot-run.ts';

export interface StreamOptions extends UploadOptions {
  /** What the dump is called in the snapshot: one name, no path. */
  readonly name: Uint8Array;
  readonly stream: AsyncIterable<Uint8Array>;
}

/**
 * Takes a snapshot of what a stream brings (a database's dump, say) as one file under a virtual root. Rejects with AppError
 * `bad_path` for a name that cannot be one, and with the stream's error: half a dump is no snapshot.
 */
export async function snapshotStream(options: StreamOptions): Promise<SnapshotResult> {
  checkName(options.name);
  const run = new SnapshotRun(options);
  const content = await new ContentCutter(options.chunkerKey, run).cutStream(options.stream);
  run.statistics.filesRead += 1;

  const owners = new OwnerNames((what) => run.problems.add('/', 'names_unknown', `names of owners: ${what}`));
  const { uid, gid } = effectiveUser();
  const { seconds, nanos } = secondsAndNanos(options.clock.nowMs());
  const common = {
    uid,
    gid,
    user: owners.user(uid),
    group: owners.group(gid),
    modifiedSeconds: seconds,
    modifiedNanos: nanos,
    links: 1,
  };
  const { extents, contentListHash, length } = content;
  const file = { ...blankEntry(options.name, EntryKind.file), ...common, mode: 0o600, size: length };
  const directory = new DirectoryWriter(run.upload.node);
  directory.add({ ...file, extents, contentListHash });
  run.count(file);
  const root = { ...blankEntry(new Uint8Array(0), EntryKind.directory), ...common, mode: 0o755 };
  return run.finish({
    root: { ...root, directoryHash: directory.finish() },
    rootIsVirtual: true,
    paths: [bytesOf(`/${textOf(options.name)}`)],
    excludePatterns: [],
    oneFileSystem: false,
  });
}

function checkName(name: Uint8Array): void {
  const text = textOf(name);
  if (name.length > 0 && name.length <= treeLimits.nameBytes && !/[/\0]/.test(text) && !/^\.\.?$/.test(text)) return;
  throw new AppError(`"${Buffer.from(name).toString().slice(0, 80)}" cannot be the name of a file`, {
    code: 'bad_path',
    advice: 'Give a name of 1 to 255 bytes without "/", such as dump.sql.',
  });
}
