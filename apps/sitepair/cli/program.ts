import { softwareVersion } from '../software-version.ts';
import { SitepairCommand } from './command.ts';
import { addAgent } from './commands/agent.ts';
import { addBackup } from './commands/backup.ts';
import { addDemo } from './commands/demo.ts';
import { addInit } from './commands/init.ts';
import { addKey } from './commands/key.ts';
import { addLink } from './commands/link.ts';
import { addLs } from './commands/ls.ts';
import { addPair } from './commands/pair.ts';
import { addRebuild } from './commands/rebuild.ts';
import { addReplicate } from './commands/replicate.ts';
import { addRestore } from './commands/restore.ts';
import { addServe } from './commands/serve.ts';
import { addDatasets, addSnapshots } from './commands/snapshots.ts';
import { addStatus } from './commands/status.ts';
import { addCatalog, addScrub, addStore } from './commands/store.ts';
import type { GlobalOptions, Invocation } from './invocation.ts';

/** The whole command line: what it takes, and what each command does with `invocation`. */
export function buildProgram(invocation: Invocation): SitepairCommand {
  const { terminal } = invocation;
  const program = new SitepairCommand('sitepair');
  program
    .description('Backups for organisations with two sites or more that can each burn.')
    .option('--state <dir>', 'state folder of the appliance', process.env.SITEPAIR_STATE ?? '/var/lib/sitepair')
    .option('--json', 'print the result as JSON, for scripts; errors too, as {"error": ...}')
    .option('--yes', 'answer questions with yes')
    .option('--verbose', 'say more when something fails')
    .version(softwareVersion(), '--version', 'print the version')
    .helpOption('--help', 'explain a command, with examples')
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .exitOverride()
    .teach(
      [
        { run: 'sitepair init --site north', what: 'makes this machine a site' },
        { run: 'sitepair serve', what: 'runs its appliance' },
        { run: 'sitepair backup /home --dataset home', what: 'takes a snapshot' },
        { run: 'sitepair COMMAND --help', what: 'explains a command, with examples' },
      ],
      ['SITEPAIR_STATE names the state folder where --state does not.'],
      'with warnings',
    )
    .hook('preAction', (_, command) => invocation.begin(command.optsWithGlobals<GlobalOptions>()));

  addInit(program, invocation);
  addServe(program, invocation);
  addStatus(program, invocation);
  addPair(program, invocation);
  addLink(program, invocation);
  addAgent(program, invocation);
  addBackup(program, invocation);
  addDatasets(program, invocation);
  addSnapshots(program, invocation);
  addLs(program, invocation);
  addRestore(program, invocation);
  addReplicate(program, invocation);
  addScrub(program, invocation);
  addStore(program, invocation);
  addCatalog(program, invocation);
  addKey(program, invocation);
  addRebuild(program, invocation);
  addDemo(program, invocation);
  return program;
}
