import {
  createKitSeed,
  endorseKit,
  kitsInForce,
  openKit,
  realmFingerprint,
  voidKit,
  withKit,
  writeKitText,
} from '#keys';
import { AppError, equalBytes, toHex } from '#runtime';
import type { Appliance } from './appliance.ts';
import { kitSignerOf, signerOf } from './catalog-keys.ts';
import type { DoorKit } from './secrets.ts';
import { tellPeers } from './tell-peers.ts';

/**
 * A new recovery kit in place of the old one, in two halves: `make` gives the kit, and from then on either opens
 * everything; `keep`, called when the kit is in its owner's hands, makes the old one void. After each step at least one kit
 * that somebody has is valid, so it may end anywhere: doing it all again voids whatever was made in between.
 */
export class KitChange {
  readonly #appliance: Appliance;
  /** Of a kit that was made and not kept yet; its seed is nowhere. */
  #made: DoorKit | undefined;

  constructor(appliance: Appliance) {
    this.#appliance = appliance;
  }

  /** Makes a kit, seals the keyring to it, and opens the site's next incarnation with it. */
  async make(passphrase: string | undefined): Promise<{ readonly kitText: string; readonly kitId: string }> {
    const { keys, identity, catalog, environment, site } = this.#appliance;
    const seed = createKitSeed(environment.random, passphrase !== undefined);
    const kit = await openKit(seed, passphrase);
    const newestSeconds = kitsInForce(keys.keyring, identity.siteId).map((one) => one.createdSeconds + 1);
    const createdSeconds = Math.max(Math.floor(environment.clock.nowMs() / 1000), ...newestSeconds);
    keys.change(withKit(keys.keyring, endorseKit(kit, identity, createdSeconds)));
    // Before the old kit is void: a thief of it could else reopen what this kit has not opened yet.
    await catalog.openIncarnation({ signer: signerOf(identity), kit: kitSignerOf(kit), keepsCopies: true });
    this.#made = { doorKey: kit.doorKey, kitId: kit.kitId };
    const fingerprint = realmFingerprint(keys.keyring.realmId);
    const page = { siteName: site.name, realmFingerprint: fingerprint, createdSeconds, opened: kit };
    return { kitText: await writeKitText(seed, page), kitId: toHex(kit.kitId) };
  }

  /** Makes every other kit of this site void, and tells the peers; the names of those who have not heard. */
  async keep(kitId: string): Promise<readonly string[]> {
    const { keys, identity, secrets, realm } = this.#appliance;
    const made = this.#made;
    if (made === undefined || toHex(made.kitId) !== kitId) throw notMadeHere();
    // The door first: between the two steps both kits are valid, and peers hear of both by one announcement.
    secrets.writeDoor(made);
    const others = kitsInForce(keys.keyring, identity.siteId).filter((one) => !equalBytes(one.kitId, made.kitId));
    keys.change(others.reduce((keyring, one) => voidKit(keyring, one.kitId, identity), keys.keyring));
    this.#made = undefined;
    await realm.logKeyring();
    return await tellPeers(this.#appliance);
  }
}

function notMadeHere(): AppError {
  return new AppError('this recovery kit was not made just now', {
    code: 'kit_unknown',
    advice: 'The old kit is still valid. Make another new one: "sitepair key kit".',
  });
}
