import { withNewDataKey } from '#keys';
import { toHex } from '#runtime';
import type { Appliance } from './appliance.ts';
import { tellPeers, untilNobodyLacks } from './tell-peers.ts';

/**
 * Makes a data key and gives it to all members; it seals once each of them has logged that it holds it. Waits a while for
 * those that can be reached, and names the others.
 */
export async function rotateDataKey(appliance: Appliance) {
  const { keys, realm, catalog, environment, identity } = appliance;
  const createdSeconds = Math.floor(environment.clock.nowMs() / 1000);
  const by = { random: environment.random, siteId: identity.siteId, createdSeconds };
  const { keyring, dataKey } = withNewDataKey(keys.keyring, by);
  keys.change(keyring);
  await realm.logKeyring();
  await catalog.append([{ kind: 'keyRotated', keyId: dataKey.keyId }]);
  keys.refresh();
  const lacking = () => realm.lackingKey(dataKey.keyId);
  if (lacking().length > 0) {
    await tellPeers(appliance);
    await untilNobodyLacks(appliance, lacking);
  }
  keys.refresh();
  return { keyId: toHex(dataKey.keyId), pendingOn: lacking() };
}
