import { main } from './cli/main.ts';
import { processTerminal } from './cli/terminal.ts';

// Whoever read the output has read enough: `sitepair ls ... | head`.
process.stdout.on('error', () => process.exit(1));

process.exitCode = await main(process.argv.slice(2), processTerminal);
