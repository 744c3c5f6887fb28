import { asStateOwner } from '../as-state-owner.ts';
import type { SitepairCommand } from '../command.ts';
import { counted } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import { readKitFile, readPassphrase } from '../kit-file.ts';

interface RebuildOptions {
  readonly from: string;
  readonly kit: string;
  readonly passphraseFile?: string;
}

const resumes = 'Remove the half-made state folder, then run the same command again.';

export function addRebuild(program: SitepairCommand, invocation: Invocation): void {
  program
    .command('rebuild')
    .summary('bring a lost site back')
    .description(
      'On a new machine: fetches the keys and the catalog of a lost site from a peer, opened with the recovery kit.',
    )
    .requiredOption('--from <host:port>', 'a peer of the lost site')
    .requiredOption('--kit <file>', 'the recovery kit: the whole page, or only its words or its code, typed in')
    .option('--passphrase-file <file>', 'the first line is the passphrase of the kit, if it has one')
    .teach(
      [
        { run: 'sitepair rebuild --from south.example.org:7400 --kit north.kit', what: 'this machine becomes north' },
        {
          run: 'sitepair restore north/mail@latest --to /srv/mail',
          what: 'afterwards: content comes from the peer as it is needed',
        },
      ],
      ['The state folder must be empty. The old machine, should it come back, is not let in any more.'],
    )
    .action(async (options: RebuildOptions) => {
      const { state } = invocation;
      const kitText = readKitFile(options.kit);
      const passphrase = readPassphrase(options.passphraseFile);
      const { rebuild } = await import('../../appliance/rebuild.ts');
      using interrupt = invocation.interrupt(resumes);
      const progress = invocation.progress('entries', 'link');
      const request = { state, from: options.from, kitText, ...(passphrase === undefined ? {} : { passphrase }) };
      const run = { signal: interrupt.signal, progress: progress.show.bind(progress) };
      const rebuilt = await asStateOwner(state, () => rebuild(request, run)).finally(() => progress[Symbol.dispose]());
      invocation.print(rebuilt, () =>
        [
          `This machine is ${rebuilt.site} now, in its life number ${rebuilt.incarnation}. It knows ${counted(rebuilt.snapshots, 'snapshot')}.`,
          'Next: sitepair serve; then sitepair restore SNAPSHOT --to DIR.',
        ].join('\n'),
      );
    });
}
