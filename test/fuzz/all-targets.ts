import { captureSessions } from './captured-sessions.ts';
import type { Target } from './target.ts';
import { linkTargets } from './targets/link.ts';
import { muxTargets } from './targets/mux.ts';
import { compressionTargets, recordTargets } from './targets/records.ts';
import { sessionTargets } from './targets/sessions.ts';
import { makeWorld } from './world.ts';

/** Every target, or those whose names begin with `only`. */
export async function allTargets(only: string | undefined): Promise<Target[]> {
  const world = await makeWorld();
  const targets = [
    ...recordTargets(world),
    ...(await compressionTargets(world)),
    ...linkTargets(),
    ...muxTargets(),
    ...sessionTargets(world, await captureSessions(world)),
  ];
  return (targets as Target<never>[] as Target[]).filter(({ name }) => only === undefined || name.startsWith(only));
}
