import { asStateOwner } from '../as-state-owner.ts';
import type { SitepairCommand } from '../command.ts';
import type { Invocation } from '../invocation.ts';
import { KitFile, readPassphrase } from '../kit-file.ts';

interface InitOptions {
  readonly site: string;
  readonly address?: string;
  readonly kit?: string;
  readonly passphraseFile?: string;
}

export function addInit(program: SitepairCommand, invocation: Invocation): void {
  program
    .command('init')
    .summary('make this machine a site')
    .description('Makes a new site in the state folder: its identity, its keys, an empty store, and its recovery kit.')
    .requiredOption('--site <name>', 'name of the site: letters, digits, dots, underscores and hyphens, at most 64')
    .option('--address <text>', 'where the site is, for people: a postal address')
    .option('--kit <file>', 'write the recovery kit to this new file instead of showing it once')
    .option(
      '--passphrase-file <file>',
      'mix the first line of this file into the kit: the kit alone opens nothing then',
    )
    .teach(
      [
        {
          run: 'sitepair init --site north --address "12 Harbour Road" --kit /media/stick/north.kit',
          what: 'makes the site in /var/lib/sitepair and writes its kit to a stick',
        },
        {
          run: 'sitepair init --site lab --state ~/lab',
          what: 'makes a site elsewhere, and shows its kit once, with a QR code',
        },
      ],
      ['Whoever has the kit can read every backup of the realm; who has lost it cannot rebuild the site.'],
    )
    .action((options: InitOptions) => init(options, invocation));
}

async function init(options: InitOptions, invocation: Invocation): Promise<void> {
  const { initialise } = await import('../../appliance/initialise.ts');
  const { state } = invocation;
  const passphrase = readPassphrase(options.passphraseFile);
  const kitFile = options.kit === undefined ? undefined : new KitFile(options.kit);
  const site = { state, siteName: options.site, address: options.address ?? '' };
  const secret = passphrase === undefined ? {} : { passphrase };
  const made = await asStateOwner(state, () => initialise({ ...site, ...secret })).catch((error) => {
    kitFile?.discard();
    throw error;
  });
  kitFile?.write(made.kitText);
  const kit = kitFile === undefined ? { kitText: made.kitText, kitCode: made.kitCode } : { kitFile: kitFile.path };
  invocation.print({ site: options.site, siteId: made.siteId, ...kit }, () =>
    kitFile === undefined
      ? `${made.kitText}\nSite ${options.site} is made. ${kitWarning('the page above; it is not shown again')}`
      : `Site ${options.site} is made. ${kitWarning(kitFile.path)}`,
  );
}

function kitWarning(where: string): string {
  return `Its recovery kit is ${where}.\nPrint the kit, and keep it out of this building. Next: sitepair serve`;
}
