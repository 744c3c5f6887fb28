import { Option } from 'commander';
import { toProblem } from '../../api/problem.ts';
import type { SitepairCommand } from '../command.ts';
import type { Invocation } from '../invocation.ts';

interface ServeOptions {
  readonly listen?: string;
  readonly config?: string;
  readonly private?: true;
}

export function addServe(program: SitepairCommand, invocation: Invocation): void {
  program
    .command('serve')
    .summary('run the appliance')
    .description(
      'Runs the appliance on a state folder: takes backups in, keeps the link to its peers, serves every other command.',
    )
    .option('--listen <host:port>', 'address for peers and agents; the usual port is 7400')
    .option('--config <file>', 'configuration in TOML; options given here go before it')
    .addOption(new Option('--private', 'serve one command only, and leave with it').hideHelp())
    .teach(
      [
        { run: 'sitepair serve --listen 0.0.0.0:7400', what: 'serves /var/lib/sitepair; peers reach it on port 7400' },
        {
          run: 'sitepair serve --state /tmp/north --listen 127.0.0.1:7401',
          what: 'a second appliance on the same machine, for a trial',
        },
      ],
      ['Ctrl-C or SIGTERM stops it in good order. Without --listen this site dials its peers and is not dialled.'],
    )
    .action((options: ServeOptions) => runServe(options, invocation));
}

async function runServe(options: ServeOptions, invocation: Invocation): Promise<void> {
  try {
    const { serve } = await import('../../serve.ts');
    await serve({
      state: invocation.state,
      private: options.private === true,
      ...(options.listen === undefined ? {} : { listen: options.listen }),
      ...(options.config === undefined ? {} : { configFile: options.config }),
    });
  } catch (error) {
    if (!options.private) throw error;
    // The command that started it reads this line and tells it as its own error.
    invocation.terminal.out(`${JSON.stringify({ error: toProblem(error) })}\n`);
    invocation.exitCode = 1;
  }
}
