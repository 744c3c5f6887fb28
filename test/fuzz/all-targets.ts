import type { Target } from './target.ts';
import { compressionTargets, recordTargets } from './targets/records.ts';
import { makeWorld } from './world.ts';

/** Every target, or those whose names begin with `only`. */
export async function allTargets(only: string | undefined): Promise<Target[]> {
  const world = await makeWorld();
  const targets = [...recordTargets(world), ...(await compressionTargets(world))];
  return (targets as Target<never>[] as Target[]).filter(({ name }) => only === undefined || name.startsWith(only));
}
