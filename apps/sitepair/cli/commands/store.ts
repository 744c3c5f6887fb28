import type { CheckResult, ScrubFinding, ScrubResult } from '../../appliance/operations.ts';
import type { SitepairCommand } from '../command.ts';
import { counted, formatBytes, formatCount } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import { printable } from '../printable.ts';
import { table } from '../table.ts';

const nothingLost = 'Nothing is lost by that: run it again when there is time.';
// What one damaged record hurts may be a million files.
const affectedShownMax = 10;

export function addScrub(program: SitepairCommand, invocation: Invocation): void {
  program
    .command('scrub')
    .summary('read back everything stored, and check it')
    .description('Reads every record of this site and checks it. Damage is named, with the files that would suffer.')
    .option('--heal', 'fetch a good copy of what is damaged or missing from a peer')
    .teach(
      [
        { run: 'sitepair scrub', what: 'finds damage, changes nothing' },
        { run: 'sitepair scrub --heal', what: 'and mends it from the peers' },
      ],
      ['Ctrl-C stops it.', 'Damage that is not healed is a failure: exit code 1.'],
      'damage was found, and all of it healed',
    )
    .action(async ({ heal }: { heal?: true }) => {
      await using appliance = await invocation.connect();
      using interrupt = invocation.interrupt(nothingLost);
      const progress = invocation.progress('packs', 'data');
      const result = await appliance.api
        .run('scrub', { heal: heal === true }, { signal: interrupt.signal, onProgress: (now) => progress.show(now) })
        .finally(() => progress[Symbol.dispose]());
      const unhealed = result.findings.filter(({ healed }) => !healed).length;
      invocation.print(result, () => scrubText(result));
      if (unhealed > 0) invocation.exitCode = 1;
      else if (result.findings.length > 0) invocation.exitCode = 3;
    });
}

export function addStore(program: SitepairCommand, invocation: Invocation): void {
  const store = program
    .command('store')
    .summary('packs and index of this site')
    .description('Checks or makes anew what the store knows about its packs.')
    .teach([
      { run: 'sitepair store check', what: 'does everything fit together?' },
      { run: 'sitepair store reindex', what: 'makes the index anew from the packs' },
    ]);
  store
    .command('check')
    .summary('does everything fit together')
    .description(
      'Checks that packs, index and catalog agree, and that each snapshot is complete. Reads no content: see scrub.',
    )
    .teach(
      [{ run: 'sitepair store check', what: 'lists what does not agree' }],
      ['Anything that does not agree is a failure: exit code 1.'],
    )
    .action(async () => {
      await using appliance = await invocation.connect();
      using interrupt = invocation.interrupt(nothingLost);
      const progress = invocation.progress('records', 'data');
      const result = await appliance.api
        .run('storeCheck', {}, { signal: interrupt.signal, onProgress: (now) => progress.show(now) })
        .finally(() => progress[Symbol.dispose]());
      invocation.print(result, () => checkText(result));
      if (result.findings.length > 0) invocation.exitCode = 1;
    });
  store
    .command('reindex')
    .summary('make the index anew')
    .description(
      'Makes the index anew from the packs, which are the truth; the old one is kept until the new one is whole.',
    )
    .teach([{ run: 'sitepair store reindex', what: 'after "store check" told of the index' }])
    .action(async () => {
      await using appliance = await invocation.connect();
      using interrupt = invocation.interrupt(nothingLost);
      const progress = invocation.progress('records', 'data');
      const result = await appliance.api
        .run('storeReindex', {}, { signal: interrupt.signal, onProgress: (now) => progress.show(now) })
        .finally(() => progress[Symbol.dispose]());
      invocation.print(
        result,
        () => `The index is new: ${counted(result.records, 'record')} in ${counted(result.packs, 'pack')}.`,
      );
    });
}

export function addCatalog(program: SitepairCommand, invocation: Invocation): void {
  program
    .command('catalog')
    .summary('the replicated record of everything')
    .description('Shows what this site knows of all sites.')
    .teach([{ run: 'sitepair catalog digest', what: 'equal at sites that know the same' }])
    .command('digest')
    .summary('prove that two sites know the same')
    .description('Prints one digest over everything in the catalog, and how far the log of each site reaches.')
    .teach([
      { run: 'sitepair catalog digest', what: 'compare it with the same command at the peer' },
      { run: 'sitepair catalog digest --json | jq -r .digest', what: 'for a script that compares' },
    ])
    .action(async () => {
      await using appliance = await invocation.connect();
      const digest = await appliance.api.call('catalogDigest', {});
      invocation.print(digest, () =>
        [
          digest.digest,
          '',
          table([
            { head: 'SITE', cells: digest.heads.map(({ site }) => site) },
            { head: 'LIFE', cells: digest.heads.map(({ incarnation }) => incarnation) },
            { head: 'ENTRIES', cells: digest.heads.map(({ sequence }) => formatCount(sequence)), align: 'right' },
          ]),
        ].join('\n'),
      );
    });
}

function scrubText({ packs, bytes, findings }: ScrubResult): string {
  const read = `Read ${formatBytes(bytes)} in ${counted(packs, 'pack')}`;
  if (findings.length === 0) return `${read}: all of it is good.`;
  const healed = findings.filter((finding) => finding.healed).length;
  const verdict = `${read}: ${counted(findings.length, 'place')} damaged, ${formatCount(healed)} healed.`;
  const next =
    healed === findings.length
      ? []
      : ['', 'To do: sitepair scrub --heal, while a peer that has good copies is linked.'];
  return [verdict, ...findings.flatMap(findingLines), ...next].join('\n');
}

function findingLines({ pack, offset, what, affects, healed }: ScrubFinding): string[] {
  const lines = [`${healed ? '- healed' : '! damaged'}: pack ${pack} at ${offset}: ${what}`];
  for (const { snapshot, path } of affects.slice(0, affectedShownMax))
    lines.push(`    ${snapshot}: ${printable(path)}`);
  if (affects.length > affectedShownMax)
    lines.push(`    and ${affects.length - affectedShownMax} more: --json lists them`);
  return lines;
}

function checkText({ packs, records, snapshots, findings }: CheckResult): string {
  const looked = `Checked ${counted(packs, 'pack')}, ${counted(records, 'record')}, ${counted(snapshots, 'snapshot')}`;
  if (findings.length === 0) return `${looked}: everything fits together.`;
  return [`${looked}: ${counted(findings.length, 'finding')}.`, ...findings.map((finding) => `! ${finding}`)].join(
    '\n',
  );
}
