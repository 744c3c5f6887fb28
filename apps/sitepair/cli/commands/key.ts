import type { SitepairCommand } from '../command.ts';
import type { Invocation } from '../invocation.ts';
import { KitFile, readPassphrase } from '../kit-file.ts';

export function addKey(program: SitepairCommand, invocation: Invocation): void {
  const key = program
    .command('key')
    .summary('keys of the realm, and recovery kits')
    .description('Changes the keys that new data is sealed with, or the kit that can rebuild this site.')
    .teach([
      { run: 'sitepair key rotate', what: 'a new data key' },
      { run: 'sitepair key kit --kit new.kit', what: 'a new recovery kit' },
    ]);
  addRotate(key, invocation);
  addKit(key, invocation);
}

function addRotate(key: SitepairCommand, invocation: Invocation): void {
  key
    .command('rotate')
    .summary('seal new data with a new key')
    .description('Makes a new data key. It seals once every site of the realm holds it; nothing stored is rewritten.')
    .teach(
      [{ run: 'sitepair key rotate', what: 'says whom the new key still waits for' }],
      [],
      'the new key waits for a site',
    )
    .action(async () => {
      await using appliance = await invocation.connect();
      const rotated = await appliance.api.call('keyRotate', {});
      if (rotated.pendingOn.length > 0) invocation.exitCode = 3;
      invocation.print(rotated, () =>
        rotated.pendingOn.length === 0
          ? `New data is sealed with key ${rotated.keyId} from now on.`
          : `Key ${rotated.keyId} is made. It seals new data once these sites hold it: ${rotated.pendingOn.join(', ')}.`,
      );
    });
}

function addKit(key: SitepairCommand, invocation: Invocation): void {
  key
    .command('kit')
    .summary('a new recovery kit in place of the old')
    .description('Makes a new recovery kit for this site. The old one is void once every site holds the new keyring.')
    .option('--kit <file>', 'write it to this new file instead of showing it once')
    .option('--passphrase-file <file>', 'mix the first line of this file into the kit')
    .teach([
      { run: 'sitepair key kit', what: 'asks, then shows the kit once, with a QR code' },
      { run: 'sitepair key kit --kit /media/stick/north.kit --yes', what: 'writes it to a stick, without asking' },
    ])
    .action(async (options: { kit?: string; passphraseFile?: string }) => {
      const passphrase = readPassphrase(options.passphraseFile);
      await using appliance = await invocation.connect();
      if (!(await invocation.confirm('The old recovery kit will be void. Make a new one?'))) {
        return invocation.note('Nothing was changed.');
      }
      const kitFile = options.kit === undefined ? undefined : new KitFile(options.kit);
      const ask = passphrase === undefined ? {} : { passphrase };
      const { kitText } = await appliance.api.call('keyKit', ask).catch((error) => {
        kitFile?.discard();
        throw error;
      });
      kitFile?.write(kitText);
      invocation.print(kitFile === undefined ? { kitText } : { kitFile: kitFile.path }, () =>
        kitFile === undefined
          ? kitText
          : `The new recovery kit is ${kitFile.path}. Print it, and keep it out of this building.`,
      );
    });
}
