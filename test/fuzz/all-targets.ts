import { captureSessions } from './captured-sessions.ts';
import type { Target } from './target.ts';
import { apiTargets } from './targets/api.ts';
import { carriedTargets } from './targets/carried.ts';
import { catalogTargets } from './targets/catalog.ts';
import { linkTargets } from './targets/link.ts';
import { muxTargets } from './targets/mux.ts';
import { packedTargets } from './targets/packed-records.ts';
import { packTargets } from './targets/packs.ts';
import { compressionTargets, recordTargets } from './targets/records.ts';
import { fileTargets, secretTargets } from './targets/secrets-and-texts.ts';
import { sessionTargets } from './targets/sessions.ts';
import { treeTargets } from './targets/trees.ts';
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
    ...(await secretTargets(world)),
    ...fileTargets(),
    ...packedTargets(world),
    ...(await packTargets(world)),
    ...(await catalogTargets(world)),
    ...carriedTargets(world),
    ...apiTargets(),
    ...treeTargets(),
  ];
  return (targets as Target<never>[] as Target[]).filter(({ name }) => only === undefined || name.startsWith(only));
}
