import './machine/install.ts';
import { parseArgs } from 'node:util';

const { simulateSeeds } = await import('./simulate-seeds.ts');

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    years: { type: 'string' },
    seconds: { type: 'string' },
    days: { type: 'string' },
    sites: { type: 'string' },
    without: { type: 'string', multiple: true },
    trace: { type: 'boolean' },
    shrink: { type: 'boolean' },
    digest: { type: 'boolean' },
    verbose: { type: 'boolean' },
  },
});

process.exitCode = (await simulateSeeds(values)) ? 0 : 1;
