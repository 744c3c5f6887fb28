import { resolve } from 'node:path';
import type { CarriedExportView, CarriedImportView, ReplicateResult } from '../../appliance/operations.ts';
import { type SitepairCommand, UsageError } from '../command.ts';
import { counted, formatBytes, formatDuration, formatLinkRate } from '../format.ts';
import type { Invocation } from '../invocation.ts';

const goesOn =
  'A running appliance goes on with it; without one, run the same command again: what the peer has is not sent again.';

const carriedGoesOn = 'Run the same command again: it goes on where it was.';

interface ReplicateOptions {
  readonly to?: string;
  readonly export?: string;
  readonly import?: string;
  readonly dataset?: string;
  readonly anew?: true;
}

export function addReplicate(program: SitepairCommand, invocation: Invocation): void {
  const command = program
    .command('replicate')
    .summary('send snapshots to the peers')
    .description(
      `Sends what a peer lacks of this site's snapshots, and returns when the peer has proved that it holds all of it.
With --export and --import, a disk that somebody carries brings them instead: sealed, for one peer, of no use to who finds it.`,
    )
    .argument('[name]', 'only the snapshots of one dataset; with --export, the peer')
    .option('--to <peer>', 'only to this peer')
    .option('--export <dir>', 'write what the peer lacks into a folder on a disk')
    .option('--import <dir>', 'take what such a folder brings')
    .option('--dataset <name>', 'with --export: only the snapshots of one dataset')
    .option('--anew', 'with --export: write everything, though other disks are on their way')
    .teach(
      [
        { run: 'sitepair replicate', what: 'everything, to every peer' },
        { run: 'sitepair replicate mail --to south', what: 'one dataset, to one peer' },
        { run: 'sitepair replicate --export /mnt/usb/seed south', what: 'at north: what south lacks, onto a disk' },
        { run: 'sitepair replicate --import /mnt/usb/seed', what: 'at south: what the disk brings' },
      ],
      [
        'Seeding by a carried disk, from beginning to end:',
        '  1. Pair both sites; any line will do. "sitepair link pause PEER" keeps it free meanwhile.',
        '  2. Mount a disk at the first site, make a folder on it for the user that "sitepair serve" runs as, and export.',
        '  3. If the disk is full, it says so: mount another one and run the same command with its folder.',
        '  4. Carry the disks. At the other site mount each and import it; the order does not matter. Resume the link.',
        '  5. From then on the link sends only what came later; "sitepair snapshots" shows both copies.',
        '',
        'Ctrl-C leaves; a running appliance goes on sending. An export or import stops and goes on with the same command.',
      ],
      'the disk was full, or snapshots lack what another disk has',
    );
  command.action(async (name: string | undefined, options: ReplicateOptions) => {
    const { export: exportTo, import: importFrom, to, dataset, anew } = options;
    const refuse = (message: string) => new UsageError(message, command.fullName());
    if (exportTo !== undefined && importFrom !== undefined) throw refuse('either --export or --import');
    if (exportTo === undefined && (dataset !== undefined || anew === true))
      throw refuse('--dataset and --anew go with --export');
    if (importFrom !== undefined && (name ?? to) !== undefined)
      throw refuse('--import takes all that the folder brings');
    if (exportTo !== undefined && name !== undefined && to !== undefined) throw refuse('one peer, not two');
    if (importFrom !== undefined) return await importDisk(invocation, resolve(importFrom));
    if (exportTo === undefined) return await sendAll(invocation, name, to);
    const peer = name ?? to;
    await exportDisk(invocation, {
      folder: resolve(exportTo),
      ...(peer === undefined ? {} : { peer }),
      ...(dataset === undefined ? {} : { dataset }),
      ...(anew === undefined ? {} : { anew }),
    });
  });
}

async function sendAll(invocation: Invocation, dataset: string | undefined, to: string | undefined): Promise<void> {
  await using appliance = await invocation.connect();
  using interrupt = invocation.interrupt(goesOn);
  const ask = { ...(dataset === undefined ? {} : { dataset }), ...(to === undefined ? {} : { peer: to }) };
  const progress = invocation.progress('records', 'link');
  const result = await appliance.api
    .run('replicate', ask, { signal: interrupt.signal, onProgress: (now) => progress.show(now) })
    .finally(() => progress[Symbol.dispose]());
  invocation.print(result, () => replicateText(result));
}

interface ExportAsk {
  readonly folder: string;
  readonly peer?: string;
  readonly dataset?: string;
  readonly anew?: boolean;
}

async function exportDisk(invocation: Invocation, ask: ExportAsk): Promise<void> {
  await using appliance = await invocation.connect();
  using interrupt = invocation.interrupt(carriedGoesOn);
  const progress = invocation.progress('records', 'data');
  const result = await appliance.api
    .run('replicateExport', ask, { signal: interrupt.signal, onProgress: (now) => progress.show(now) })
    .finally(() => progress[Symbol.dispose]());
  if (result.leftBytes > 0) invocation.exitCode = 3;
  invocation.print(result, () => exportText(result, ask.folder));
}

async function importDisk(invocation: Invocation, folder: string): Promise<void> {
  await using appliance = await invocation.connect();
  using interrupt = invocation.interrupt(carriedGoesOn);
  const progress = invocation.progress('records', 'data');
  const result = await appliance.api
    .run('replicateImport', { folder }, { signal: interrupt.signal, onProgress: (now) => progress.show(now) })
    .finally(() => progress[Symbol.dispose]());
  if (result.incomplete.length > 0) invocation.exitCode = 3;
  invocation.print(result, () => importText(result));
}

function exportText({ peer, disk, ...result }: CarriedExportView, folder: string): string {
  const { snapshots, writtenRecords, writtenBytes, diskBytes, leftBytes, otherDisks } = result;
  const wrote = `Disk ${disk} for ${peer}: wrote ${formatBytes(writtenBytes)} in ${counted(writtenRecords, 'record')}; ${formatBytes(diskBytes)} lie on it, read back and good.`;
  const others = otherDisks === 0 ? '' : ` It needs ${counted(otherDisks, 'other disk')} of this export beside it.`;
  if (leftBytes === 0)
    return `${wrote}${others}\n${counted(snapshots, 'snapshot')} can go: carry it to ${peer} and run there "sitepair replicate --import DIR".`;
  return `${wrote}${others}\nThe disk is full, and ${formatBytes(leftBytes)} are left: carry this one, and go on with another: sitepair replicate --export DIR ${peer} (this one was ${folder})`;
}

function importText({ peer, disk, snapshots, alreadyHeld, incomplete, takenRecords, takenBytes }: CarriedImportView) {
  const took = `Disk ${disk} of ${peer}: took ${formatBytes(takenBytes)} in ${counted(takenRecords, 'record')}.`;
  const before = alreadyHeld === 0 ? '' : ` ${counted(alreadyHeld, 'snapshot')} had come before.`;
  const held = `${counted(snapshots.length, 'snapshot')} came whole and proved.${before}`;
  const lacking = incomplete.map(
    ({ snapshot, missing }) =>
      `  ${snapshot} lacks ${missing >= 4096 ? '4096 contents or more' : counted(missing, 'content')}`,
  );
  if (lacking.length === 0) return `${took}\n${held}`;
  return [
    took,
    held,
    'Not whole yet; import the other disks of this export, or let the link bring it:',
    ...lacking,
  ].join('\n');
}

function replicateText({ peers }: ReplicateResult): string {
  if (peers.length === 0) return 'No peer to send to. Invite one: sitepair pair invite';
  return peers
    .map((result) => {
      const { peer, snapshots, alreadyThere, sentRecords, sentBytes, seconds } = result;
      const sent =
        snapshots === 0 ? `${peer} lacks nothing` : `${peer} now holds ${counted(snapshots, 'more snapshot')}`;
      const before = alreadyThere === 0 ? '' : `, and had ${counted(alreadyThere, 'snapshot')} already`;
      const rate = seconds > 0 ? ` (${formatLinkRate(sentBytes / seconds)})` : '';
      return `${sent}${before}. Sent ${formatBytes(sentBytes)} in ${counted(sentRecords, 'record')}, ${formatDuration(seconds)}${rate}.${savingsText(result)}`;
    })
    .join('\n');
}

function savingsText({ snapshots, contentBytes, newBytes, sentBytes, lineBytes }: ReplicateResult['peers'][number]) {
  if (snapshots === 0) return '';
  const raw = contentBytes === 0 ? '' : `${formatBytes(contentBytes)} of files, `;
  return `\n  ${raw}${formatBytes(newBytes)} new to the peer, ${formatBytes(sentBytes)} as sent, ${formatBytes(lineBytes)} on the line both ways`;
}
