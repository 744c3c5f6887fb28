import { systemClock, systemTimers } from '#runtime';
import type { FrameConduit } from '../frame-conduit.ts';
import { memoryPair } from '../memory-conduit.ts';
import { Mux, type MuxOptions } from '../mux.ts';

/** Two muxes, one at each of two conduits; handler errors make the test fail. */
export function muxPair(
  conduits: { readonly left: FrameConduit; readonly right: FrameConduit } = memoryPair(),
  options: Partial<MuxOptions> = {},
): { readonly left: Mux; readonly right: Mux } {
  const common: MuxOptions = {
    isDialler: true,
    clock: systemClock,
    timers: systemTimers,
    heartbeat: false,
    onHandlerError: (error) => {
      throw error;
    },
    ...options,
  };
  return { left: new Mux(conduits.left, common), right: new Mux(conduits.right, { ...common, isDialler: false }) };
}

/** Serves "echo": what comes goes back. */
export function serveEcho(mux: { serve: Mux['serve'] }): void {
  mux.serve('echo', async (channel) => {
    for (let message = await channel.receive(); message !== undefined; message = await channel.receive()) {
      await channel.send(message);
    }
  });
}
