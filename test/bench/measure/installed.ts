import { spawnSync } from 'node:child_process';

/** The first line that `program` says of its version; undefined when it is not installed. */
export function versionOf(program: string, argument: string): string | undefined {
  const { status, stdout } = spawnSync(program, [argument], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}
