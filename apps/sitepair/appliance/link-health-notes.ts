import type { EndLoad } from '#health';
import type { Channel, Link } from '#link';
import { codecOf } from '#wire';

/** proto/health.proto. */
export const healthService = 'health';

interface HealthNote {
  readonly processorPermille: number;
  readonly diskWritePermille: number;
  readonly diskReadPermille: number;
  readonly wallMs: number;
}

const healthNote = codecOf<HealthNote>('health.proto', 'sitepair.health.v1.HealthNote');

/** What a peer has said of itself, and when that came. */
export interface PeerNote {
  readonly load: EndLoad;
  readonly wallMs: number;
  readonly atMs: number;
}

/** Tells a peer how busy this end is, over one channel for as long as the link lives. */
export class HealthTeller {
  readonly #link: Link;
  #channel: Channel | undefined;
  #isTelling = false;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Rejects with what is in the way; a note that is still on its way takes the place of this one. */
  async tell(load: EndLoad, wallMs: number): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      this.#channel ??= await this.#link.open(healthService, 'control');
      await this.#channel.send(
        healthNote.encode({
          processorPermille: permille(load.processor),
          diskWritePermille: permille(load.diskWrite),
          diskReadPermille: permille(load.diskRead),
          wallMs: Math.floor(wallMs),
        }),
      );
    } catch (error) {
      this.#channel = undefined;
      throw error;
    } finally {
      this.#isTelling = false;
    }
  }
}

/** Serves the other end: takes its notes as long as the channel lives. */
export async function takeHealthNotes(channel: Channel, take: (load: EndLoad, wallMs: number) => void): Promise<void> {
  for (let message = await channel.receive(); message !== undefined; message = await channel.receive()) {
    const { processorPermille, diskWritePermille, diskReadPermille, wallMs } = healthNote.decode(message);
    const load = {
      processor: shareOf(processorPermille),
      diskWrite: shareOf(diskWritePermille),
      diskRead: shareOf(diskReadPermille),
    };
    take(load, Number(wallMs));
  }
}

function permille(share: number): number {
  return Math.round(share * 1000);
}

function shareOf(permille: number): number {
  return Math.min(1, permille / 1000);
}
