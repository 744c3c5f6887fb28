import type { SiteId, SnapshotId } from '#model';
import { AppError, isAppError, systemRandom, systemTimers, type Timers, toHex } from '#runtime';
import { SnapshotReceiver } from '../index.ts';
import type { MessageChannel } from '../ports.ts';
import { lineCut, memoryChannelPair } from './memory-channel.ts';
import type { MemoryStore } from './memory-store.ts';
import { datasetId, domainId, keys } from './sample-snapshot.ts';

const sender = new Uint8Array(16).fill(9) as SiteId;

interface Wire {
  recordMessages: Uint8Array[];
  controlMessages: number;
  cutAfterRecords: number;
}

/** A receiving site: store, proved copies, and channels to it that count and can be cut. */
export function receivingSite(store: MemoryStore, withKeys = true, timers: Timers = systemTimers) {
  const copies = new Set<string>();
  const receiver = new SnapshotReceiver(() => ({
    store,
    keys: withKeys ? keys : undefined,
    timers,
    random: systemRandom,
    windowBytes: 20_000,
    copies: {
      checkOffer: () => undefined,
      holds: (id) => copies.has(toHex(id)),
      mayBeBase: (id) => copies.has(toHex(id)),
      recordCopy: async (offered) => void copies.add(toHex(offered.snapshotId)),
    },
  }));
  const wire: Wire = { recordMessages: [], controlMessages: 0, cutAfterRecords: Number.POSITIVE_INFINITY };
  const open: ReturnType<typeof memoryChannelPair>[] = [];
  const served: Promise<void>[] = [];
  const peer = {
    async open(service: string): Promise<MessageChannel> {
      const [mine, theirs] = memoryChannelPair();
      open.push([mine, theirs]);
      mine.onSend = (message) => {
        if (service === 'replicate') wire.controlMessages += 1;
        else if (message.length > 16) {
          wire.recordMessages.push(message);
          if (wire.recordMessages.length > wire.cutAfterRecords) cut();
        }
      };
      const serving = service === 'replicate' ? receiver.serve(theirs, sender) : receiver.serveRecords(theirs);
      served.push(serving);
      serving.catch((error) =>
        theirs.abort(isAppError(error) ? error : new AppError('bug', { code: 'internal', advice: String(error) })),
      );
      return mine;
    },
  };
  const cut = () => {
    for (const [a, b] of open) [a, b].map((end) => end.abort(lineCut()));
  };
  return { copies, peer, wire, served, cut };
}

export function jobOf(snapshotId: SnapshotId, baseCandidates: SnapshotId[] = []) {
  return { snapshotId, datasetId, domainId, baseCandidates, name: 'north/data@now' };
}
