import { type Catalog, type SyncOptions, syncCatalog } from '#catalog';
import type { Channel, Link } from '#link';
import { isAppError, type Timers } from '#runtime';
import type { SharedPart } from './link-services.ts';

/** How long a peer that has not joined yet, or is busy, is left alone; twice as long each time. */
const firstPauseMs = 500;
/** A peer whose disk is full refuses for hours, and each try sends it all that it lacks. */
const longestPauseMs = 30_000;
/** An exchange that lasted this long was a good one: after it the pauses begin anew. */
const goodExchangeMs = 60_000;

const following = new WeakSet<Link>();

/**
 * Keeps two catalogs agreeing for as long as their link lives. The end that dialled opens the channel; while the other
 * one has not joined yet, or cannot write, it refuses, and is asked again, ever more rarely. `onFollowing` is called once the link may carry replication.
 */
export async function followCatalog(
  { catalog, scope, onHeard }: Pick<SharedPart, 'catalog' | 'scope' | 'onHeard'>,
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
  for (let pauseMs = firstPauseMs; !ended.signal.aborted; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const good = timers.after(goodExchangeMs, () => {
      pauseMs = firstPauseMs;
    });
    try {
      // However it ends: 64 exchanges that were never ended would be all that a connection carries.
      await using channel = await link.open('catalog', 'control');
      await syncOn(channel, catalog, { scope, onHeard, signal: ended.signal });
    } catch (error) {
      if (ended.signal.aborted) return;
      if (!isAppError(error)) throw error;
    } finally {
      good.cancel();
    }
    await timers.sleep(pauseMs, ended.signal).catch(() => undefined);
  }
}

/** The other end hears of a failure at this one, and that nothing more will come when there is none. */
async function syncOn(channel: Channel, catalog: Catalog, options: SyncOptions): Promise<void> {
  try {
    await syncCatalog(catalog, channel, options);
  } catch (error) {
    if (isAppError(error)) channel.abort(error);
    throw error;
  }
  await channel.end();
}
