import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKit, openSealedKeyring, parseKit } from '#keys';
import { equalBytes, isAppError, systemClock, toHex } from '#runtime';
import { buildApi } from '../../../apps/sitepair/api/build-api.ts';
import { listenOnControlSocket } from '../../../apps/sitepair/api/control-socket.ts';
import { Appliance } from '../../../apps/sitepair/appliance/appliance.ts';
import { readAgentFolder } from '../../../apps/sitepair/client/agent-folder.ts';
import { connectAppliance } from '../../../apps/sitepair/client/connect-appliance.ts';
import { restoreIntoFolder } from '../../../apps/sitepair/client/restore.ts';
import { environment, logger, quietRun, treeOf } from './served-site.ts';

/** What a state that is no site may say while nobody was told that it is one. */
const unmade = new Set(['state_missing', 'state_half_initialised']);

/** Opens every site that a cut left, holds it to the words, and the sites to each other. */
export async function verifySites(
  root: string,
  names: readonly string[],
  words: readonly string[],
  thorough: boolean,
): Promise<string[]> {
  const problems: string[] = [];
  const open = new Map<string, Appliance>();
  try {
    for (const name of names) {
      const appliance = await openSite(root, name, words, problems);
      if (appliance !== undefined) open.set(name, appliance);
    }
    for (const [name, appliance] of open) {
      const say = (problem: string) => problems.push(`${name}: ${problem}`);
      const rotten = name === 'north' ? rottenPart(words) : undefined;
      if (rotten === 'log') await holdDamagedLog(appliance, [...open.values()], say);
      else {
        await holdToWords(root, name, appliance, words, say);
        await holdToPeers(appliance, [...open.values()], say);
        if (rotten === undefined) await holdTogether(appliance, say);
        if (rotten === undefined && thorough) await restoreAll(name, appliance, words, say);
        await goOn(appliance, say);
      }
    }
  } finally {
    for (const appliance of open.values()) await appliance[Symbol.asyncDispose]();
  }
  return problems;
}

async function openSite(
  root: string,
  name: string,
  words: readonly string[],
  problems: string[],
): Promise<Appliance | undefined> {
  try {
    return await Appliance.open(join(root, name), environment);
  } catch (error) {
    const isPromised = words.some((word) => word === `made ${name}`);
    if (!isPromised && isAppError(error) && unmade.has(error.code)) return undefined;
    problems.push(`${name} does not open: ${error instanceof Error ? error.stack : error}`);
    return undefined;
  }
}

type Say = (problem: string) => void;

async function holdToWords(root: string, name: string, appliance: Appliance, words: readonly string[], say: Say) {
  const { operations, peers, invitations, keys, paths, agents } = appliance;
  const snapshots = operations.snapshots({});
  const keyIds = keys.keyring.dataKeys.map(({ keyId }) => toHex(keyId));
  for (const word of words) {
    const [what = '', site = '', detail = ''] = word.split(' ');
    const listed = snapshots.find(({ id }) => id === detail);
    if (what === 'snapshot' && site === name && !listed?.copies.includes(appliance.site.name))
      say(`${word}: it is not held here`);
    if (what === 'copy' && site === name && !holds(await copiesHere(appliance), detail)) say(`${word}: no copy here`);
    if (what === 'rotated' && site === name && !keyIds.includes(detail)) say(`${word}: the key is gone`);
    if (what === 'invited' && detail === name && invitations.current().length === 0) say(`${word}: it is gone`);
    if (what === 'accepted' && detail === name && peers.all().length === 0) say(`${word}: the peer is gone`);
    if (what === 'confirmed' && detail === name && !peers.all().some((peer) => peer.confirmedHere))
      say(`${word}: it is forgotten`);
    if (what === 'paired' && !peers.all().some((peer) => peer.joined)) say(`${word}: it is forgotten`);
    if (what === 'enrolled' && site === name && !agents.list().some((agent) => agent.state === 'enrolled'))
      say(`${word}: it is forgotten`);
  }
  if (words.some((word) => word.startsWith('enrolled'))) {
    const { name: agent } = readAgentFolder(join(root, 'machines', 'laptop'));
    if (agent !== 'laptop') say('the agent has forgotten who it is');
  }
  // Nothing is ever sealed under a key that a kit does not open.
  if (!words.includes(`made ${name}`)) return;
  const kitText = readFileSync(join(root, `${name.replace(/2$/, '')}.kit`), 'utf8');
  const sealed = openSealedKeyring(readFileSync(paths.sealedKeyring), await openKit(parseKit(kitText), undefined));
  const kept = new Set(sealed.dataKeys.map(({ keyId }) => toHex(keyId)));
  for (const keyId of keyIds) if (!kept.has(keyId)) say(`key ${keyId} is not in the sealed keyring`);
}

/** Ids of all that is complete here, of this realm and of those that use this site as a blind peer. */
async function copiesHere(appliance: Appliance): Promise<string[]> {
  const vaults = await appliance.vaults.all();
  const books = [appliance.book, ...vaults.map(({ book }) => book)];
  return books.flatMap((book) => book.allHeld().map(({ snapshotId }) => toHex(snapshotId)));
}

function holds(ids: readonly string[], id: string): boolean {
  return ids.includes(id);
}

/** What of north a scenario has spoilt and not seen healed. */
function rottenPart(words: readonly string[]): 'packs' | 'log' | undefined {
  const isOpen = (begun: string, ended: string) => words.lastIndexOf(begun) > words.lastIndexOf(ended);
  if (isOpen('spoiling log', 'log healed')) return 'log';
  return isOpen('spoiling', 'healed') ? 'packs' : undefined;
}

async function holdTogether(appliance: Appliance, say: Say): Promise<void> {
  if (appliance.losses.any) say('it says that it has lost something');
  const { findings } = await appliance.operations.storeCheck(quietRun);
  for (const finding of findings) say(`check: ${finding}`);
  const scrubbed = await appliance.operations.scrub({ heal: false }, quietRun);
  for (const { pack, what, offset } of scrubbed.findings) say(`scrub: ${what} in ${pack} at ${offset}`);
}

/** What this site wrote is on its own disk before it is on anybody else's. */
async function holdToPeers(appliance: Appliance, all: readonly Appliance[], say: Say): Promise<void> {
  const own = appliance.identity.siteId;
  // A site that is blind for a peer has a log of its own in the room that it lends.
  const ends = async (of: Appliance) => {
    const catalogs = [of.catalog, ...(await of.vaults.all()).map(({ catalog }) => catalog)];
    const heads = catalogs.flatMap((catalog) => catalog.heads());
    return new Map(
      heads
        .filter(({ siteId }) => equalBytes(siteId, own))
        .map(({ incarnationId, seq }) => [toHex(incarnationId), seq]),
    );
  };
  const mine = await ends(appliance);
  for (const other of all) {
    if (equalBytes(other.identity.siteId, own)) continue;
    for (const [incarnation, seq] of await ends(other)) {
      if (seq > (mine.get(incarnation) ?? -1)) say(`${other.site.name} holds entry ${seq} of its log, which it lost`);
    }
  }
}

async function restoreAll(name: string, appliance: Appliance, words: readonly string[], say: Say): Promise<void> {
  const target = mkdtempSync(join(tmpdir(), 'sitepair-restored-'));
  const api = buildApi(appliance.operations, { logger });
  try {
    await listenOnControlSocket(api, appliance.paths.root);
    for (const word of words) {
      const [, id, version] = new RegExp(`^(?:snapshot|copy) ${name} (\\w+) (\\d+)$`).exec(word) ?? [];
      if (id === undefined || !appliance.operations.snapshots({}).some((one) => one.id === id)) continue;
      const into = join(target, id);
      await using connection = await connectAppliance(appliance.paths.root);
      await restoreIntoFolder(connection, {
        point: { reference: id, path: undefined },
        fromPeer: undefined,
        target: into,
        existing: 'overwrite',
        dryRun: false,
        clock: systemClock,
        signal: quietRun.signal,
        onProgress: () => undefined,
      });
      for (const [file, content] of treeOf(Number(version))) {
        if (readFileSync(join(into, file), 'utf8') !== content) say(`${word}: ${file} comes back as another`);
      }
    }
  } catch (error) {
    say(`a restore failed: ${error instanceof Error ? error.stack : error}`);
  } finally {
    await api.close();
    rmSync(target, { recursive: true });
  }
}

/** A log that lost something knows it, whatever comes between, and takes nothing until it is whole. */
async function holdDamagedLog(appliance: Appliance, all: readonly Appliance[], say: Say): Promise<void> {
  const lost: string[] = [];
  await holdToPeers(appliance, all, (problem) => lost.push(problem));
  if (lost.length === 0) return;
  try {
    await append(appliance);
    say(`it goes on with a log that lacks what it has said: ${lost.join()}`);
  } catch (error) {
    if (!isAppError(error, 'catalog_log_damaged'))
      say(`it cannot go on: ${error instanceof Error ? error.stack : error}`);
  }
}

/** It can write to its log again: what the next backup needs. */
async function goOn(appliance: Appliance, say: Say): Promise<void> {
  try {
    await append(appliance);
  } catch (error) {
    say(`it cannot go on: ${error instanceof Error ? error.stack : error}`);
  }
}

async function append({ site, catalog }: Appliance): Promise<void> {
  await catalog.append([
    { kind: 'siteDescribed', name: site.name, addressText: 'again', coordinates: undefined, addresses: [] },
  ]);
}
