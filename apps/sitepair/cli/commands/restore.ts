import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { Option } from 'commander';
import { AppError, systemCode } from '#runtime';
import type { Restored } from '../../client/restore.ts';
import { parseRestorePoint } from '../../client/restore-point.ts';
import { type SitepairCommand, UsageError } from '../command.ts';
import { counted, formatBytes, formatCount, formatDataRate, formatDuration } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import { printable } from '../printable.ts';

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

const problemsShownMax = 20;
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
    .option('--dry-run', 'say what would be done, write nothing')
    .option('--from <peer>', 'fetch what this site lacks from this peer only')
    .teach(
      [
        { run: 'sitepair restore home@latest --to /srv/home', what: 'all of it, into a new or empty folder' },
        { run: 'sitepair restore north/home@latest:/home/ada/thesis --to ~/thesis', what: 'one folder of it' },
        {
          run: 'sitepair restore home@2026-01-31T08:00 --to /home --existing newer --dry-run',
          what: 'what would happen to the files there?',
        },
      ],
      ['Nothing beside the files of the snapshot is ever removed. After Ctrl-C the same command goes on.'],
      'some files are not as they were: they are listed',
    );
  command.action(async (text: string, options: RestoreOptions) => {
    const point = parseRestorePoint(text);
    const { to } = options;
    if (to === undefined) throw new UsageError('a restore needs a folder: --to DIR', command.fullName());
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
  });
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
  const problems = report.problems.map(({ path, code, what }) => ({ path: Buffer.from(path).toString(), code, what }));
  return { snapshot, report: { ...report, problems }, receivedBytes, seconds };
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
  if (report.problemCount > 0) {
    lines.push('', `${counted(report.problemCount, 'problem')}:`);
    for (const { path, what: why } of report.problems.slice(0, problemsShownMax))
      lines.push(`  ! ${printable(path)}: ${why}`);
    const more = report.problemCount - problemsShownMax;
    if (more > 0) lines.push(`  and ${formatCount(more)} more: --json lists them`);
  }
  return lines.join('\n');
}
