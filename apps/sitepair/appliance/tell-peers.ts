import type { Appliance } from './appliance.ts';
import type { Peer } from './peers.ts';

/**
 * How long a command waits for peers to hear of a change: links that are being dialled need a second or two, a peer writes a
 * keyring and an entry. Who is not there then hears of it when its link is up again.
 */
const patienceMs = 10_000;
const pauseMs = 100;

/** Tells every peer of a change, waiting for links that are on their way; the names of those that have not heard. */
export async function tellPeers(appliance: Appliance): Promise<string[]> {
  const { peers, links, pairing } = appliance;
  const unheard = new Map(joinedPeers(appliance).map((peer) => [peer.name, peer]));
  const refused = new Set<string>();
  await patiently(appliance, async () => {
    for (const peer of [...unheard.values()].filter(({ name }) => !refused.has(name))) {
      const link = links.link(peer.siteId);
      if (link === undefined) continue;
      try {
        await pairing.announce(link);
        unheard.delete(peer.name);
      } catch (error) {
        refused.add(peer.name);
        appliance.note(error, `telling ${peer.name}`);
      }
    }
    const left = [...unheard.values()].filter(({ name, siteId }) => !refused.has(name) && peers.find(siteId));
    return left.some((peer) => isOnItsWay(appliance, peer));
  });
  return [...unheard.keys()];
}

/** Waits for the words of others that come through links which are up or on their way, while `lacking` names somebody. */
export async function untilNobodyLacks(
  appliance: Appliance,
  lacking: () => readonly string[],
): Promise<readonly string[]> {
  await patiently(
    appliance,
    async () => lacking().length > 0 && joinedPeers(appliance).some((peer) => isOnItsWay(appliance, peer)),
  );
  return lacking();
}

function joinedPeers({ peers }: Appliance): readonly Peer[] {
  return peers.paired().filter((peer) => peer.joined && peer.ownRole === 'full');
}

function isOnItsWay({ links }: Appliance, { siteId }: Peer): boolean {
  const { state } = links.state(siteId);
  return state === 'up' || state === 'dialling';
}

/** Calls `goesOn` again and again until it says no, or patience has run out. */
async function patiently({ environment }: Appliance, goesOn: () => Promise<boolean>): Promise<void> {
  const { clock, timers } = environment;
  const deadlineMs = clock.monotonicMs() + patienceMs;
  while ((await goesOn()) && clock.monotonicMs() < deadlineMs) await timers.sleep(pauseMs);
}
