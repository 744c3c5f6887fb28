import { Catalog } from '#catalog';
import {
  createIdentity,
  createKeyring,
  createKitSeed,
  endorseKit,
  kitCode,
  openKit,
  realmFingerprint,
  verify,
  withKit,
  withNewDataKey,
  withNewDomain,
  writeKitText,
} from '#keys';
import { checkedName } from '#model';
import { systemClock, systemRandom, toHex } from '#runtime';
import { keyringHeldEntry, kitSignerOf, realmSealer, signerOf } from './catalog-keys.ts';
import { noAuthority, RealmKeys } from './realm-keys.ts';
import { Secrets } from './secrets.ts';
import { createStateFolder, finishStateFolder, removeHalfMadeState, type StatePaths } from './state-folder.ts';

export interface InitialiseRequest {
  readonly state: string;
  readonly siteName: string;
  readonly address: string;
  readonly passphrase?: string;
}

export interface Initialised {
  /** The page to print. */
  readonly kitText: string;
  readonly kitCode: string;
  readonly siteId: string;
}

/**
 * Makes a new site and a realm of its own: identity, keyring, recovery kit, the first entries of its log. The site file
 * comes last: until it is there, nothing of this is a site. The kit's seed is kept nowhere.
 */
export async function initialise(request: InitialiseRequest): Promise<Initialised> {
  checkedName('site', request.siteName);
  const paths = createStateFolder(request.state);
  try {
    return await initialiseInto(paths, request);
  } catch (error) {
    removeHalfMadeState(paths);
    throw error;
  }
}

async function initialiseInto(
  paths: StatePaths,
  { siteName, address, passphrase }: InitialiseRequest,
): Promise<Initialised> {
  const createdSeconds = Math.floor(systemClock.nowMs() / 1000);
  const identity = createIdentity(systemRandom);
  const by = { random: systemRandom, siteId: identity.siteId, createdSeconds };
  const seed = createKitSeed(systemRandom, passphrase !== undefined);
  const kit = await openKit(seed, passphrase);
  const domain = withNewDomain(createKeyring(systemRandom), by);
  const keyring = withKit(withNewDataKey(domain.keyring, by).keyring, endorseKit(kit, identity, createdSeconds));
  const secrets = new Secrets(paths, systemRandom);
  secrets.writeIdentity(identity);
  secrets.writeKeyring(keyring);
  secrets.writeDoor(kit);
  const keys = new RealmKeys(secrets, () => noAuthority);
  await using catalog = await Catalog.open({
    folder: paths.catalog,
    siteId: identity.siteId,
    signer: signerOf(identity),
    verify,
    sealer: realmSealer(() => keys.book, systemRandom),
    knownSiteKeys: () => ({
      publicKeys: [identity.key.publicKey],
      kits: [{ kitId: kit.kitId, publicKey: kit.signing.publicKey }],
    }),
    clock: systemClock,
  });
  await catalog.openIncarnation({ signer: signerOf(identity), kit: kitSignerOf(kit) });
  await catalog.append([
    { kind: 'siteDescribed', name: siteName, addressText: address, coordinates: undefined, addresses: [] },
    keyringHeldEntry(keyring),
  ]);
  finishStateFolder(paths, { format: 1, name: siteName, address });
  const page = { siteName, realmFingerprint: realmFingerprint(keyring.realmId), createdSeconds, opened: kit };
  return { kitText: await writeKitText(seed, page), kitCode: kitCode(seed), siteId: toHex(identity.siteId) };
}
