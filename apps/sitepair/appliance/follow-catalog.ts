import { syncCatalog } from '#catalog';
import type { Link } from '#link';
import { isAppError, type Timers } from '#runtime';
import type { SharedPart } from './link-services.ts';

/** How long a peer that has not joined yet, or is busy, is left alone. */
const pauseMs = 500;

const following = new WeakSet<Link>();

/**
 * Keeps two catalogs agreeing for as long as their link lives. The end that dialled opens the channel; while the other
 * one has not joined yet it refuses, and is asked again. `onFollowing` is called once the link may carry replication.
 */
export async function followCatalog(
  { catalog, scope }: Pick<SharedPart, 'catalog' | 'scope'>,
  link: Link,
  timers: Timers,
  onFollowing: () => void,
): Promise<void> {
  if (following.has(link)) return;
  following.add(link);
  onFollowing();
  if (!link.dialledByUs) return;
  const ended = new AbortController();
  link.closed.then((reason) => ended.abort(reason));
  while (!ended.signal.aborted) {
    try {
      await syncCatalog(catalog, await link.open('catalog', 'control'), { scope, signal: ended.signal });
    } catch (error) {
      if (ended.signal.aborted) return;
      if (!isAppError(error)) throw error;
    }
    await timers.sleep(pauseMs, ended.signal).catch(() => undefined);
  }
}
