import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { Option } from 'commander';
import { AppError, systemCode } from '#runtime';
import type { Restored } from '../../client/restore.ts';
import { parseRestorePoint, type RestorePoint } from '../../client/restore-point.ts';
import { type SitepairCommand, UsageError } from '../command.ts';
import { counted, formatBytes, formatCount, formatDataRate, formatDuration } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import { problemLines, problemsJson } from '../problem-lines.ts';

const existingPolicies = {
  refuse: { policy: 'refuse-if-not-empty', what: '' },
  skip: { policy: 'skip', what: 'files that are there already stay as they are' },
  overwrite: { policy: 'overwrite', what: 'files that are there already are replaced by those of the snapshot' },
  newer: { policy: 'newer', what: 'of files that are there already the newer one stays' },
} as const;

interface RestoreOptions {
  readonly to?: string;
  readonly tar?: string;
  readonly existing: keyof typeof existingPolicies;
  readonly dryRun?: true;
  readonly from?: string;
}

const goesOn = 'Run the same command again: files that are complete are not written again.';

export function addRestore(program: SitepairCommand, invocation: Invocation): void {
  const command = program
    .command('restore')
    .summary('bring files back')
    .description(
      'Writes a snapshot, or a part of it, into a folder, with your own rights. What this site lacks its peers send.',
    )
    .argument(
      '<snapshot>',
      '[SITE/]DATASET@latest, [SITE/]DATASET@TIME or an id; a path in it may follow: SNAPSHOT:PATH',
    )
    .option('--to <dir>', 'the folder to write into; made when it is not there')
    .addOption(
      new Option('--existing <what>', 'when the folder is not empty')
        .choices(Object.keys(existingPolicies))
        .default('refuse'),
    )
    .option('--tar <file>', 'write a tar archive instead; - is standard output')
    .option('--dry-run', 'say what would be done, write nothing')
    .option('--from <peer>', 'fetch what this site lacks from this peer only')
    .teach(
      [
        { run: 'sitepair restore home@latest --to /srv/home', what: 'all of it, into a new or empty folder' },
        { run: 'sitepair restore north/home@latest:/home/ada/thesis --to ~/thesis', what: 'one folder of it' },
        { run: 'sitepair restore shop@latest --tar - | tar -t', what: 'as an archive, without a file in between' },
        {
          run: 'sitepair restore home@2026-01-31T08:00 --to /home --existing newer --dry-run',
          what: 'what would happen to the files there?',
        },
      ],
      ['Nothing beside the files of the snapshot is ever removed. After Ctrl-C the same command goes on.'],
      'some files are not as they were: they are listed',
    );
  command.action((text: string, options: RestoreOptions) => {
    const point = parseRestorePoint(text);
    const { to, tar } = options;
    if (to !== undefined && tar === undefined) return restoreTo(to, point, options, invocation);
    if (to === undefined && tar !== undefined && !options.dryRun && !(tar === '-' && invocation.json)) {
      return restoreTar(tar, point, options, invocation);
    }
    throw new UsageError(
      'a restore needs either --to DIR or --tar FILE; an archive has no --dry-run, and on standard output no --json',
      command.fullName(),
    );
  });
}

async function restoreTo(to: string, point: RestorePoint, options: RestoreOptions, invocation: Invocation) {
  sayWhatHappens(to, options, invocation);
  const { restoreIntoFolder } = await import('../../client/restore.ts');
  await using appliance = await invocation.connect();
  using interrupt = invocation.interrupt(goesOn);
  const progress = invocation.progress('files', 'data');
  const restored = await restoreIntoFolder(appliance, {
    point,
    fromPeer: options.from,
    target: to,
    existing: existingPolicies[options.existing].policy,
    dryRun: options.dryRun === true,
    clock: invocation.clock,
    signal: interrupt.signal,
    onProgress: (now) => progress.show(now),
  }).finally(() => progress[Symbol.dispose]());
  const { problemCount, ownersNotSet } = restored.report;
  if (problemCount > 0 || ownersNotSet > 0) invocation.exitCode = 3;
  invocation.print(restoreJson(restored), () => restoreText(restored, to, options.dryRun === true));
}

async function restoreTar(file: string, point: RestorePoint, options: RestoreOptions, invocation: Invocation) {
  const { restoreAsTar } = await import('../../client/restore-tar.ts');
  await using appliance = await invocation.connect();
  using interrupt = invocation.interrupt('Run it again: an archive is written from its beginning.');
  const progress = invocation.progress('files', 'data');
  const { snapshot, tarBytes, problems, seconds } = await restoreAsTar(appliance, {
    point,
    fromPeer: options.from,
    file,
    replaceFile: options.existing === 'overwrite',
    clock: invocation.clock,
    signal: interrupt.signal,
    onProgress: (now) => progress.show(now),
  }).finally(() => progress[Symbol.dispose]());
  if (problems.length > 0) invocation.exitCode = 3;
  const text = [
    `Wrote ${snapshot.name} as tar: ${formatBytes(tarBytes)} in ${formatDuration(seconds)}.`,
    ...problemLines(problems, problems.length),
  ].join('\n');
  if (file === '-') invocation.note(text);
  else invocation.print({ snapshot, tarBytes, seconds, problems: problemsJson(problems) }, () => text);
}

/** Before anything is written: what becomes of what is in the folder. */
function sayWhatHappens(to: string, options: RestoreOptions, invocation: Invocation): void {
  const count = entriesIn(to);
  const { what } = existingPolicies[options.existing];
  if (count === 0 || what === '') return;
  invocation.note(`${resolve(to)} has ${counted(count, 'entry', 'entries')}: ${what}; all else there stays.`);
}

function entriesIn(folder: string): number {
  try {
    return readdirSync(folder).length;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return 0;
    throw new AppError(`${folder} cannot be restored into`, {
      code: 'bad_target',
      advice: 'Name a folder with --to that this user may read and write.',
      cause,
    });
  }
}

function restoreJson({ snapshot, report, receivedBytes, seconds }: Restored) {
  return { snapshot, report: { ...report, problems: problemsJson(report.problems) }, receivedBytes, seconds };
}

function restoreText({ snapshot, report, receivedBytes, seconds }: Restored, to: string, dryRun: boolean): string {
  const rate = formatDataRate(report.bytes / Math.max(seconds, 0.001));
  const what = `${counted(report.files, 'file')} in ${counted(report.directories, 'folder')}, ${formatBytes(report.bytes)}`;
  const lines = dryRun
    ? [`Would restore ${snapshot.name} to ${to}: ${what}. Nothing was written.`]
    : [
        `Restored ${snapshot.name} to ${to}: ${what}, in ${formatDuration(seconds)} (${rate}); ${formatBytes(receivedBytes)} came in.`,
      ];
  const facts: (readonly [number, string])[] = [
    [report.unchanged, 'were complete already'],
    [report.skipped, 'were there and stay as they are'],
    [report.changedWhileRead, 'had changed while they were backed up, and are as they were read then'],
    [report.ownersNotSet, 'belong to you instead of their owner: only root can give files away'],
  ];
  for (const [count, text] of facts) if (count > 0) lines.push(`  ${formatCount(count)} ${text}`);
  lines.push(...problemLines(report.problems, report.problemCount));
  return lines.join('\n');
}
