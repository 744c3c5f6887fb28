import { type AppError, compareBytes, equalBytes, isAppError, toHex } from '#runtime';
import type { Link } from './link.ts';
import { dialLink } from './link-dialer.ts';
import { linkClosed } from './link-errors.ts';
import type { LinkSettings, PairBook, PairSecret } from './link-settings.ts';
import { retryDelayMs } from './retry-delay.ts';

/** Where the link to a peer stands. */
export type LinkState =
  | { readonly state: 'stopped' }
  /** There is no address to dial: the peer has to. */
  | { readonly state: 'listening'; readonly reason: AppError | undefined }
  | { readonly state: 'dialling'; readonly address: string }
  | { readonly state: 'waiting'; readonly retryInMs: number; readonly reason: AppError | undefined }
  | { readonly state: 'up'; readonly link: Link };

export interface LinkKeeperOptions {
  readonly settings: LinkSettings;
  readonly pairs: PairBook;
  /** A link is there, dialled or accepted. Services are registered in this turn; it is up a little later. */
  readonly onLink: (link: Link) => void;
  /** For whoever shows it. */
  readonly onChange?: (peerSiteId: Uint8Array, state: LinkState) => void;
}

/** A link that lasted this long was a good one: after it the delays begin anew. */
const goodLinkMs = 10_000;

interface Kept {
  readonly siteId: Uint8Array;
  readonly stop: AbortController;
  state: LinkState;
  current: Link | undefined;
  /** Ends a wait, because there is something new to do. */
  wake: () => void;
  failures: number;
  /** Why there is no link now. */
  reason: AppError | undefined;
}

/**
 * Keeps one link to each started peer: dials its addresses in turn, takes the links that the peer dials, and of two keeps
 * one, by the rule in proto/LINK.md ("Two links at once").
 */
export class LinkKeeper {
  readonly #options: LinkKeeperOptions;
  readonly #kept = new Map<string, Kept>();

  constructor(options: LinkKeeperOptions) {
    this.#options = options;
  }

  /** Keeps a link to this peer from now on. Starting twice changes nothing. */
  start(peerSiteId: Uint8Array): void {
    if (this.#kept.has(toHex(peerSiteId))) return;
    const kept: Kept = {
      siteId: peerSiteId,
      stop: new AbortController(),
      state: { state: 'listening', reason: undefined },
      current: undefined,
      wake: () => undefined,
      failures: 0,
      reason: undefined,
    };
    this.#kept.set(toHex(peerSiteId), kept);
    void this.#keep(kept);
  }

  /** Closes the link, telling the peer why, and refuses the peer until the next start(). */
  async stop(peerSiteId: Uint8Array, reason: AppError = paused()): Promise<void> {
    const kept = this.#kept.get(toHex(peerSiteId));
    if (kept === undefined) return;
    this.#kept.delete(toHex(peerSiteId));
    kept.stop.abort(reason);
    kept.wake();
    this.#change(kept, { state: 'stopped' });
    await kept.current?.close(reason);
  }

  /** Stops all, at shutdown. */
  async close(reason: AppError = linkClosed('this site shuts down')): Promise<void> {
    await Promise.all([...this.#kept.values()].map((kept) => this.stop(kept.siteId, reason)));
  }

  /** Dials now instead of after the delay: somebody knows that the peer is back, or has changed its address. */
  nudge(peerSiteId: Uint8Array): void {
    const kept = this.#kept.get(toHex(peerSiteId));
    if (kept === undefined) return;
    kept.failures = 0;
    kept.wake();
  }

  state(peerSiteId: Uint8Array): LinkState {
    return this.#kept.get(toHex(peerSiteId))?.state ?? { state: 'stopped' };
  }

  /** The link to this peer when it is up. */
  link(peerSiteId: Uint8Array): Link | undefined {
    const state = this.state(peerSiteId);
    return state.state === 'up' ? state.link : undefined;
  }

  /** Takes a link that the peer has dialled, in the turn in which the server hands it over. */
  accept(link: Link): void {
    const kept = this.#kept.get(toHex(link.peer.siteId));
    if (kept === undefined) void link.close(paused());
    else this.#adopt(kept, link);
  }

  async #keep(kept: Kept): Promise<void> {
    const { signal } = kept.stop;
    while (!signal.aborted) {
      if (kept.current !== undefined) {
        await this.#woken(kept);
        continue;
      }
      if (kept.failures > 0 && (await this.#pause(kept)) === 'woken') continue;
      const pair = this.#options.pairs.byPeer(kept.siteId);
      if (pair === undefined || pair.addresses.length === 0) {
        this.#change(kept, { state: 'listening', reason: kept.reason });
        await this.#woken(kept);
      } else await this.#dial(kept, pair);
    }
  }

  /** Tries the peer's addresses in turn until one leads to a link. */
  async #dial(kept: Kept, pair: PairSecret): Promise<void> {
    for (const address of pair.addresses) {
      this.#change(kept, { state: 'dialling', address });
      try {
        await dialLink(address, pair, this.#options.settings, (link) => this.#adopt(kept, link));
      } catch (error) {
        if (!isAppError(error)) throw error;
        kept.reason = error;
      }
      if (kept.current !== undefined || kept.stop.signal.aborted) return;
    }
    kept.failures += 1;
  }

  #adopt(kept: Kept, link: Link): void {
    const { current } = kept;
    if (kept.stop.signal.aborted) {
      void link.close(paused());
      return;
    }
    if (current !== undefined && !this.#replaces(current, link)) {
      void link.close(superseded());
      return;
    }
    kept.current = link;
    void current?.close(superseded());
    this.#options.onLink(link);
    void this.#follow(kept, link);
    kept.wake();
  }

  /** Shows when the link is up, and wakes the loop when it is over. */
  async #follow(kept: Kept, link: Link): Promise<void> {
    const { clock } = this.#options.settings;
    const sinceMs = clock.monotonicMs();
    void link.whenUp().then(
      () => {
        if (kept.current === link) this.#change(kept, { state: 'up', link });
      },
      // The same reason comes out of `closed`, right below.
      () => undefined,
    );
    const reason = await link.closed;
    if (kept.current !== link) return;
    kept.reason = reason;
    kept.current = undefined;
    kept.failures = clock.monotonicMs() - sinceMs >= goodLinkMs ? 1 : kept.failures + 1;
    kept.wake();
  }

  /** Whether `link` takes the place of `current`: both ends decide alike, whichever link each of them saw first. */
  #replaces(current: Link, link: Link): boolean {
    // The peer runs anew, or it lost the old link and dialled again: it knows better that the old one is dead.
    if (!equalBytes(current.peer.instance, link.peer.instance)) return true;
    if (current.dialledByUs === link.dialledByUs) return true;
    // Both dialled at once: the link that the smaller site id dialled stays.
    const weAreSmaller = compareBytes(this.#options.settings.identity().siteId, link.peer.siteId) < 0;
    return link.dialledByUs === weAreSmaller;
  }

  async #pause(kept: Kept): Promise<'elapsed' | 'woken'> {
    const { random, timers } = this.#options.settings;
    const retryInMs = retryDelayMs(kept.failures, random);
    this.#change(kept, { state: 'waiting', retryInMs, reason: kept.reason });
    const elapsed = Promise.withResolvers<'elapsed'>();
    const timer = timers.after(retryInMs, () => elapsed.resolve('elapsed'));
    const outcome = await Promise.race([elapsed.promise, this.#woken(kept)]);
    timer.cancel();
    return outcome;
  }

  #woken(kept: Kept): Promise<'woken'> {
    return new Promise((resolve) => {
      kept.wake = () => resolve('woken');
    });
  }

  #change(kept: Kept, state: LinkState): void {
    kept.state = state;
    this.#options.onChange?.(kept.siteId, state);
  }
}

function paused(): AppError {
  return linkClosed('an admin has paused the link', 'link_stopped');
}

function superseded(): AppError {
  return linkClosed('another link between the two sites takes its place', 'link_superseded');
}
