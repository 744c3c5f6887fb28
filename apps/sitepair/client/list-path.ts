import type { Entry } from '#model';
import { findPath, listTree } from '#snapshot';
import type { ApplianceConnection } from './connect-appliance.ts';
import { openSnapshot } from './open-snapshot.ts';
import type { RestorePoint } from './restore-point.ts';

/** The entries of a folder in a snapshot, or the one entry that is no folder. */
export async function* listPath(
  appliance: ApplianceConnection,
  point: RestorePoint,
  fromPeer: string | undefined,
): AsyncGenerator<Entry, void, undefined> {
  const { source, manifest } = await openSnapshot(appliance, point.reference, fromPeer);
  yield* listTree(source, await findPath(source, manifest, Buffer.from(point.path ?? '')));
  await source.close();
}
