import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface SimulationOutput {
  readonly code: number | null;
  readonly text: string;
}

/** Runs the simulator in a process of its own: it takes over clock, disk and network of everything in it. */
export async function runSimulation(...args: readonly string[]): Promise<SimulationOutput> {
  const program = join(import.meta.dirname, 'run.ts');
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const parts: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => parts.push(part));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, text: parts.join('') };
}
