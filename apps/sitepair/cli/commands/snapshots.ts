import type { ReplyOf } from '../../api/routes.ts';
import type { SnapshotView } from '../../appliance/operations.ts';
import type { SitepairCommand } from '../command.ts';
import { byteColumn, formatCount, formatTime } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import { table } from '../table.ts';

export function addSnapshots(program: SitepairCommand, invocation: Invocation): void {
  program
    .command('snapshots')
    .summary('restore points')
    .description(
      'Lists snapshots, newest first, of this site and its peers: when, how much, and which sites hold them.',
    )
    .argument('[dataset]', 'only those of one dataset: DATASET or SITE/DATASET')
    .teach([
      { run: 'sitepair snapshots', what: 'all of them' },
      { run: 'sitepair snapshots north/mail', what: "those of north's dataset mail, at whatever site this is" },
      { run: "sitepair snapshots mail --json | jq -r '.[0].id'", what: 'the id of the newest' },
    ])
    .action(async (dataset: string | undefined) => {
      await using appliance = await invocation.connect();
      const snapshots = await appliance.api.call('snapshots', dataset === undefined ? {} : { dataset });
      invocation.print(snapshots, () => snapshotTable(snapshots));
    });
}

export function addDatasets(program: SitepairCommand, invocation: Invocation): void {
  program
    .command('datasets')
    .summary('what is backed up')
    .description('Lists the datasets of this site and its peers, with their newest snapshot.')
    .teach([
      { run: 'sitepair datasets', what: 'one line a dataset' },
      { run: "sitepair datasets --json | jq -r '.[].name'", what: 'names only' },
    ])
    .action(async () => {
      await using appliance = await invocation.connect();
      const datasets = await appliance.api.call('datasets', {});
      invocation.print(datasets, () => datasetTable(datasets));
    });
}

function snapshotTable(snapshots: readonly SnapshotView[]): string {
  if (snapshots.length === 0) return 'No snapshots. Take one: sitepair backup PATH --dataset NAME';
  const sizes = byteColumn(snapshots.map(({ contentBytes }) => contentBytes));
  return table([
    { head: 'SNAPSHOT', cells: snapshots.map(({ name }) => name) },
    { head: 'ID', cells: snapshots.map(({ id }) => id.slice(0, 10)) },
    { head: 'STARTED', cells: snapshots.map(({ startedAt }) => formatTime(startedAt)) },
    { head: 'FILES', cells: snapshots.map(({ files }) => formatCount(files)), align: 'right' },
    { head: sizes.unit, cells: sizes.figures, align: 'right' },
    { head: 'PROBLEMS', cells: snapshots.map(({ problems }) => formatCount(problems)), align: 'right' },
    { head: 'HELD BY', cells: snapshots.map(({ copies }) => copies.join(', ')) },
  ]);
}

function datasetTable(datasets: ReplyOf<'datasets'>): string {
  if (datasets.length === 0) return 'No datasets. A backup makes one: sitepair backup PATH --dataset NAME';
  return table([
    { head: 'DATASET', cells: datasets.map(({ site, name }) => `${site}/${name}`) },
    { head: 'SNAPSHOTS', cells: datasets.map(({ snapshots }) => formatCount(snapshots)), align: 'right' },
    { head: 'NEWEST', cells: datasets.map(({ latest }) => (latest === undefined ? 'none' : formatTime(latest))) },
  ]);
}
