import type { Backup, BackupContent } from '../../client/backup.ts';
import { collect, type SitepairCommand, UsageError } from '../command.ts';
import { counted, formatBytes, formatDataRate, formatDuration } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import { problemLines, problemsJson } from '../problem-lines.ts';

interface BackupOptions {
  readonly dataset: string;
  readonly exclude?: readonly string[];
  readonly excludeCaches?: true;
  readonly oneFileSystem?: true;
  readonly stdin?: string;
}

const resumes = 'Run the same command again: what the appliance acknowledged is kept and not sent again.';

export function addBackup(program: SitepairCommand, invocation: Invocation): void {
  const command = program
    .command('backup')
    .summary('take a snapshot')
    .description(
      'Takes a snapshot of files and folders, with your own rights, and hands it to the appliance of this site.',
    )
    .argument('[path...]', 'files and folders to back up')
    .requiredOption('--dataset <name>', 'the dataset; the first backup makes it')
    .option('--exclude <pattern>', 'leave out what matches, as in .gitignore; may be repeated', collect)
    .option('--exclude-caches', 'of folders with a CACHEDIR.TAG keep the tag only')
    .option('--one-file-system', 'stay on the file system of each path')
    .option('--stdin <filename>', 'back up what comes on standard input, as a file of this name')
    .teach(
      [
        { run: 'sitepair backup /home /etc --dataset office', what: 'both folders, as one restore point' },
        {
          run: "sitepair backup ~ --dataset me --exclude '*.iso' --exclude node_modules/ --exclude-caches",
          what: 'a home without what is easily had again',
        },
        {
          run: 'pg_dump shop | sitepair backup --stdin shop.sql --dataset shop',
          what: 'a dump, without a file in between',
        },
      ],
      [
        'Stop it with Ctrl-C; the next run sends only what is missing.',
        'With --stdin, see that a failing dump fails the line: set -o pipefail. Half a dump looks like a whole one.',
      ],
      'some files could not be read, or changed while they were read',
    );
  command.action(async (paths: string[], options: BackupOptions) => {
    const content = contentOf(paths, options, command.fullName());
    // The data path is loaded when it is needed: other commands answer sooner without it.
    const { backUp } = await import('../../client/backup.ts');
    await using appliance = await invocation.connect();
    using interrupt = invocation.interrupt(resumes);
    const progress = invocation.progress('files', 'data');
    const backup = await backUp(appliance, {
      dataset: options.dataset,
      content,
      clock: invocation.clock,
      signal: interrupt.signal,
      onProgress: (now) => progress.show(now),
    }).finally(() => progress[Symbol.dispose]());
    if (backup.taken.problemCount > 0) invocation.exitCode = 3;
    invocation.print(backupJson(backup), () => backupText(backup));
  });
}

function contentOf(paths: readonly string[], options: BackupOptions, command: string): BackupContent {
  if (options.stdin !== undefined) {
    if (paths.length > 0) throw new UsageError('paths and --stdin cannot go together', command);
    return { fileName: options.stdin, stream: process.stdin };
  }
  if (paths.length === 0) throw new UsageError('there is nothing to back up: name a path, or use --stdin', command);
  return {
    paths,
    excludes: options.exclude ?? [],
    excludeCaches: options.excludeCaches === true,
    oneFileSystem: options.oneFileSystem === true,
  };
}

function backupJson({ snapshot, taken, sentBytes, seconds }: Backup) {
  return {
    snapshot,
    totals: taken.totals,
    statistics: taken.statistics,
    sentBytes,
    seconds,
    problemCount: taken.problemCount,
    problems: problemsJson(taken.problems),
  };
}

function backupText({ snapshot, taken, sentBytes, seconds }: Backup): string {
  const { totals, statistics, problems, problemCount } = taken;
  const rate = formatDataRate(totals.contentBytes / Math.max(seconds, 0.001));
  const known =
    totals.contentBytes > sentBytes
      ? `, ${formatBytes(totals.contentBytes - sentBytes)} were known or compressed away`
      : '';
  const lines = [
    `Snapshot ${snapshot.name} (${snapshot.id.slice(0, 10)})`,
    `  ${counted(totals.files, 'file')} in ${counted(totals.directories, 'folder')}, ${formatBytes(totals.contentBytes)}; ` +
      `${counted(statistics.filesReused, 'file')} unchanged`,
    `  new to the store: ${formatBytes(statistics.newBytes)}, as ${formatBytes(sentBytes)} sent${known}`,
    `  in ${formatDuration(seconds)} (${rate})`,
  ];
  lines.push(...problemLines(problems, problemCount));
  return lines.join('\n');
}
