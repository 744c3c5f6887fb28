import { Catalog, convergeCatalog } from '#catalog';
import {
  believedPart,
  createIdentity,
  endorseKit,
  handshakeKeyOf,
  handshakePublicOf,
  type Keyring,
  type KeyringKit,
  openKit,
  openSealedKeyring,
  pairSecret,
  parseKit,
  type RecoveryKit,
  type SignedBySite,
  type SiteIdentity,
  sign,
  verify,
  voidKit,
  withKit,
} from '#keys';
import { type DoorSession, dialDoor, dialLink, type Link, type LinkSettings } from '#link';
import { asId } from '#model';
import { AppError, concatBytes, equalBytes, isAppError, systemClock, systemRandom, systemTimers } from '#runtime';
import { softwareVersion } from '../software-version.ts';
import { keyringHeldEntry, kitSignerOf, knownSiteKeys, realmSealer, signerOf } from './catalog-keys.ts';
import { checkIntroduction, type Introduction } from './introduction.ts';
import { invitationRoles } from './invitation-code.ts';
import type { Run } from './operations.ts';
import { type Peer, PeerFile } from './peers.ts';
import { noAuthority, RealmKeys } from './realm-keys.ts';
import { type RebuildRun, rebuildRun } from './rebuild-run.ts';
import { type ReturnReply, returnPurpose, returnReplyCodec, returnRequestCodec } from './return-door.ts';
import { Secrets } from './secrets.ts';
import {
  createStateFolder,
  finishStateFolder,
  lockState,
  removeHalfMadeState,
  type StatePaths,
} from './state-folder.ts';

export interface RebuildRequest {
  readonly state: string;
  /** HOST:PORT of a peer that has the site's catalog. */
  readonly from: string;
  /** The kit as printed, or its words or code. */
  readonly kitText: string;
  readonly passphrase?: string;
}

export interface Rebuilt {
  readonly site: string;
  readonly incarnation: number;
  readonly snapshots: number;
}

/**
 * Brings a site back that was lost with all it had: PROTOCOL.md section 7. The peer gives back name, keys and catalog; the
 * kit opens the site's next incarnation. Contents come afterwards: at once what a restore needs, the rest in the background.
 */
export async function rebuild(request: RebuildRequest, run: Run): Promise<Rebuilt> {
  const kit = await openKit(parseKit(request.kitText), request.passphrase);
  const paths = createStateFolder(request.state);
  try {
    using _lock = lockState(request.state);
    return await rebuildInto(paths, kit, request.from, rebuildRun(run));
  } catch (error) {
    removeHalfMadeState(paths);
    throw error;
  }
}

async function rebuildInto(paths: StatePaths, kit: RecoveryKit, from: string, run: RebuildRun): Promise<Rebuilt> {
  const fresh = createIdentity(systemRandom);
  run.progress({ doing: `knocking at ${from}`, doneBytes: 0 });
  const { reply, peer } = await knock(from, kit, fresh, run);
  const identity: SiteIdentity = { siteId: asId('SiteId', reply.siteId), key: fresh.key };
  const sealed = openSealedKeyring(reply.sealedKeyring, kit);
  const keyring = ownKitsAnew(sealed, kit, identity);
  const secrets = new Secrets(paths, systemRandom);
  secrets.writeIdentity(identity);
  secrets.writeKeyring(keyring);
  secrets.writeDoor(kit);
  const peers = new PeerFile(paths);
  peers.put(peer);
  const keys = new RealmKeys(secrets, () => noAuthority);
  await using catalog = await openCatalog(paths, identity, peers, keys);
  await fetchCatalog(catalog, from, peer, identity, run);
  keys.change(believed(keyring, identity, peers, catalog));
  for (const address of reply.memberAddresses.slice(0, 64))
    await returnToAnother(address, { kit, fresh, identity, peers, catalog, run });
  const opened = await catalog.openIncarnation({ signer: signerOf(identity), kit: kitSignerOf(kit) });
  const described = catalog.views.sites().find((site) => equalBytes(site.siteId, identity.siteId));
  const address = described?.addressText ?? '';
  await catalog.append([
    {
      kind: 'siteDescribed',
      name: reply.name,
      addressText: address,
      coordinates: described?.coordinates,
      addresses: [],
    },
    keyringHeldEntry(keys.keyring),
  ]);
  finishStateFolder(paths, { format: 1, name: reply.name, address });
  return { site: reply.name, incarnation: opened.number, snapshots: countSnapshots(catalog) };
}

/**
 * The site's new key stands by the kit that was brought, and by no other one of the site: whoever has the old machine may
 * have made kits with it.
 */
function ownKitsAnew(keyring: Keyring, kit: RecoveryKit, identity: SiteIdentity): Keyring {
  const nowSeconds = Math.floor(systemClock.nowMs() / 1000);
  const isOther = (one: KeyringKit) => equalBytes(one.siteId, identity.siteId) && !equalBytes(one.kitId, kit.kitId);
  const added = withKit(keyring, endorseKit(kit, identity, nowSeconds));
  // Those that are void already as well: whoever joins from now on believes no word that the former key has signed.
  return keyring.kits.filter(isOther).reduce((voided, one) => voidKit(voided, one.kitId, identity), added);
}

/** Of what the peer's keyring says about kits of other sites: what these have signed with the keys that speak for them. */
function believed(keyring: Keyring, identity: SiteIdentity, peers: PeerFile, catalog: Catalog): Keyring {
  const isOwn = ({ siteId }: SignedBySite) => equalBytes(siteId, identity.siteId);
  const own = { ...keyring, kits: keyring.kits.filter(isOwn), kitVoids: keyring.kitVoids.filter(isOwn) };
  return believedPart(own, keyring, ({ siteId, siteKey }) => {
    const key = catalog.identityKeyOf(siteId) ?? peers.find(siteId)?.identityKey;
    return key !== undefined && equalBytes(key, siteKey);
  }).part;
}

interface Returning {
  readonly kit: RecoveryKit;
  readonly fresh: SiteIdentity;
  readonly identity: SiteIdentity;
  readonly peers: PeerFile;
  readonly catalog: Catalog;
  readonly run: RebuildRun;
}

/** Knocks at another member too: it may hold more of this site's log. One that cannot be reached is paired anew later. */
async function returnToAnother(
  address: string,
  { kit, fresh, identity, peers, catalog, run }: Returning,
): Promise<void> {
  try {
    const { peer } = await knock(address, kit, fresh, run);
    if (peers.find(peer.siteId) !== undefined) return;
    peers.put(peer);
    await fetchCatalog(catalog, address, peer, identity, run);
  } catch (error) {
    if (!isAppError(error)) throw error;
    run.progress({ doing: `${address} does not answer, going on: ${error.message}`, doneBytes: 0 });
  }
}

function countSnapshots({ views }: Catalog): number {
  let count = 0;
  for (const { siteId, datasetId } of views.datasets()) {
    for (let after: string | undefined, more = true; more; more = after !== undefined) {
      const page = views.snapshots({ siteId, datasetId, after, limit: 1000 });
      count += page.snapshots.length;
      after = page.next;
    }
  }
  return count;
}

/** Proves the kit at the peer's door. A fresh identity key makes the handshake: the burnt one may be in a thief's hands. */
async function knock(from: string, kit: RecoveryKit, fresh: SiteIdentity, run: RebuildRun) {
  const settings = linkSettings(new Uint8Array(0), fresh, run);
  run.signal.throwIfAborted();
  const session = await dialDoor(from, { psk: kit.doorKey, purpose: 'rebuild' }, settings);
  try {
    const channel = session.mux.open('return');
    const newIdentityKey = fresh.key.publicKey;
    const kitSignature = sign(kit.signing, returnPurpose, concatBytes([session.handshakeHash, newIdentityKey]));
    await channel.send(returnRequestCodec.encode({ kitId: kit.kitId, kitSignature, newIdentityKey, addresses: [] }));
    const bytes = await channel.receive();
    if (bytes === undefined) throw noAnswer(from);
    const reply = returnReplyCodec.decode(bytes);
    const introduction = checkIntroduction(reply.peer, session.handshakeHash, session.remoteStatic);
    return { reply, peer: peerOf(introduction, session, from, reply) };
  } finally {
    await session.mux.close();
  }
}

function peerOf(introduction: Introduction, session: DoorSession, from: string, reply: ReturnReply): Peer {
  return {
    siteId: asId('SiteId', introduction.siteId),
    name: introduction.name,
    role: reply.role === invitationRoles.blind ? 'blind' : 'full',
    ownRole: 'full',
    identityKey: introduction.identityKey,
    secret: pairSecret(session.chainingKey, session.handshakeHash),
    addresses: [...new Set([from, ...introduction.addresses])].slice(0, 8),
    addressesAreSet: false,
    words: [],
    confirmedHere: true,
    confirmedThere: true,
    weInvited: false,
    joined: true,
    doorKey: introduction.doorKey,
    realmId: introduction.realmId,
    kitId: introduction.kitId,
    kitPublicKey: introduction.kitPublicKey,
    removed: reply.siteId.length === 0,
  };
}

function openCatalog(paths: StatePaths, identity: SiteIdentity, peers: PeerFile, keys: RealmKeys): Promise<Catalog> {
  return Catalog.open({
    folder: paths.catalog,
    siteId: identity.siteId,
    signer: signerOf(identity),
    verify,
    sealer: realmSealer(() => keys.book, systemRandom),
    knownSiteKeys: knownSiteKeys(
      identity,
      () => peers.all(),
      () => keys.keyring,
    ),
    clock: systemClock,
  });
}

/** Everybody's logs, this site's own former one among them, before anything is written to it again. */
async function fetchCatalog(
  catalog: Catalog,
  from: string,
  peer: Peer,
  identity: SiteIdentity,
  run: RebuildRun,
): Promise<void> {
  run.progress({ doing: `fetching the catalog from ${peer.name}`, doneBytes: 0 });
  const pair = {
    peerSiteId: peer.siteId,
    peerStaticPublic: handshakePublicOf(peer.identityKey),
    psk: peer.secret,
    role: peer.role,
    addresses: [from],
  };
  const link: Link = await dialLink(from, pair, linkSettings(identity.siteId, identity, run), (one) => {
    // The peer announces itself on every link; nothing of it is needed here.
    for (const service of ['pair', 'catalog', 'replicate', 'records', 'fetch']) one.serve(service, busyRebuilding);
  });
  try {
    const scope = peer.role === 'blind' ? catalog.scopeFor(peer.siteId, 'blind') : undefined;
    await using channel = await link.open('catalog', 'control');
    await convergeCatalog(catalog, channel, { scope, signal: run.signal });
  } finally {
    await link.close();
  }
}

async function busyRebuilding(): Promise<void> {
  throw new AppError('the site is being rebuilt from its recovery kit, and takes nothing else meanwhile', {
    code: 'rebuilding',
    retryable: true,
    advice: 'Nothing to do, if this was expected: it goes on by itself once the site serves again.',
  });
}

function linkSettings(siteId: Uint8Array, identity: SiteIdentity, { onHandlerError }: RebuildRun): LinkSettings {
  return {
    identity: () => ({ siteId, incarnation: 0, staticKeyPair: handshakeKeyOf(identity.key) }),
    instance: systemRandom.bytes(8),
    software: softwareVersion(),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    onHandlerError,
  };
}

function noAnswer(from: string): AppError {
  return new AppError(`the site at ${from} gave no answer`, {
    code: 'rebuild_cut',
    retryable: true,
    advice: 'Remove the half-made state folder and run the same command again.',
  });
}
