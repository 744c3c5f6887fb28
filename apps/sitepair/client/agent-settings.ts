import { handshakeKeyOf, type SiteIdentity } from '#keys';
import type { LinkSettings } from '#link';
import { assert, systemClock, systemRandom, systemTimers } from '#runtime';
import { softwareVersion } from '../software-version.ts';

/** How an agent dials: nobody may open anything at its end. */
export function agentLinkSettings({ siteId, key }: SiteIdentity): LinkSettings {
  const staticKeyPair = handshakeKeyOf(key);
  return {
    identity: () => ({ siteId, incarnation: 0, staticKeyPair }),
    instance: systemRandom.bytes(8),
    software: softwareVersion(),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    onHandlerError: (error) => assert(false, `an agent serves nothing: ${error}`),
  };
}
