import type { SitepairCommand } from '../command.ts';
import type { Invocation } from '../invocation.ts';

export function addDemo(program: SitepairCommand, invocation: Invocation): void {
  program
    .command('demo')
    .summary('see it happen: two sites, a fire, and everything back')
    .description(
      'Runs two appliances on this machine: pairs them, backs up, replicates, kills, burns one, restores, compares, rebuilds.',
    )
    .argument('[path]', 'a folder to demonstrate with (default: the sources of Sitepair itself)')
    .option('--keep', 'leave both sites running to look around in, and say how')
    .teach(
      [
        { run: 'sitepair demo', what: 'takes less than a minute, and leaves nothing behind' },
        { run: 'sitepair demo ~/documents', what: 'with your own files; only a copy of them is changed' },
        { run: 'sitepair demo --keep', what: 'afterwards both sites are there to play with' },
      ],
      [
        'Each step checks itself. It needs no root, and room for four copies of the folder below TMPDIR.',
        '--state has no meaning here: the demo has states of its own.',
      ],
    )
    .action(async (path: string | undefined, { keep }: { keep?: true }) => {
      const { runDemo } = await import('../../demo/run-demo.ts');
      const { terminal, clock, json } = invocation;
      const result = await runDemo({ path, keep: keep === true, silent: json, terminal, clock });
      // The story has told all of it already.
      invocation.print(result, () => '');
    });
}
