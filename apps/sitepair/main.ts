import { setFlagsFromString } from 'node:v8';
import { main } from './cli/main.ts';
import { processTerminal } from './cli/terminal.ts';

// Buffers outside the heap count by default as if they were in it, and bulk transfers then collect garbage all the time:
// 205 full collections a gigabyte over the link without this flag, 29 with it (Node 26).
setFlagsFromString('--external-memory-accounted-in-global-limit');

// Whoever read the output has read enough: `sitepair ls ... | head`.
process.stdout.on('error', () => process.exit(1));

process.exitCode = await main(process.argv.slice(2), processTerminal);
