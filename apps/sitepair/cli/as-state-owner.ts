import { existsSync } from 'node:fs';
import { ownerOf } from '../client/private-appliance.ts';

/**
 * Runs `work`, which makes files in the state folder, as the folder's owner when this is root: the appliance must be able
 * to read them. As whoever this is when the folder is root's or not there yet.
 */
export async function asStateOwner<T>(stateFolder: string, work: () => Promise<T>): Promise<T> {
  const { uid, gid } = existsSync(stateFolder) ? ownerOf(stateFolder) : {};
  if (uid === undefined || gid === undefined) return work();
  const groups = process.getgroups?.() ?? [];
  process.setgroups?.([]);
  process.setegid?.(gid);
  process.seteuid?.(uid);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
  }
}
