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
    .description(
      'Makes a new recovery kit for this site. The old one is void as soon as the new one is written or shown.',
    )
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
      const { kitText, kitId } = await appliance.api.call('keyKit', ask).catch((error) => {
        kitFile?.discard();
        throw error;
      });
      // On stable storage, or shown, before the old one is void: else a crash here would leave no kit that anybody has.
      if (kitFile === undefined) invocation.print({ kitText, kitId }, () => kitText);
      else kitFile.write(kitText);
      const { pendingOn } = await appliance.api.call('keyKitKept', { kitId });
      if (pendingOn.length > 0) invocation.exitCode = 3;
      const text = keptText(kitFile?.path, pendingOn);
      if (kitFile === undefined) invocation.note(text);
      else invocation.print({ kitFile: kitFile.path, kitId, pendingOn }, () => text);
    });
}

function keptText(path: string | undefined, pendingOn: readonly string[]): string {
  const kit = path === undefined ? 'This is the new recovery kit.' : `The new recovery kit is ${path}.`;
  const old =
    pendingOn.length === 0
      ? 'The old one is void.'
      : `The old one is void but at ${pendingOn.join(', ')}: keep both until they have heard of it.`;
  return `${kit} Print it, and keep it out of this building. ${old}\nIf somebody else may have the old one: sitepair key rotate.`;
}
