import type { Manifest } from '#model';
import { ReadSource } from '#replication';
import { AppError, fromHex } from '#runtime';
import { readManifest } from '#snapshot';
import type { SnapshotView } from '../appliance/operations.ts';
import type { ApplianceApi } from './api-client.ts';
import type { ApplianceConnection } from './connect-appliance.ts';

/** A snapshot that this process reads through the appliance. */
export interface OpenSnapshot {
  readonly snapshot: SnapshotView;
  readonly source: ReadSource;
  readonly manifest: Manifest;
}

/** Opens a snapshot for reading. What the appliance lacks it fetches from the site `fromPeer`, or from any. */
export async function openSnapshot(
  appliance: ApplianceConnection,
  reference: string,
  fromPeer: string | undefined,
): Promise<OpenSnapshot> {
  const snapshot = await appliance.api.call('snapshot', { reference });
  const fromSite = fromPeer === undefined ? undefined : await siteIdOf(appliance.api, fromPeer);
  const source = await ReadSource.open(await appliance.open('read'), fromHex(snapshot.id), fromSite);
  return { snapshot, source, manifest: await readManifest(source, source.manifestHash) };
}

async function siteIdOf(api: ApplianceApi, peer: string): Promise<Uint8Array> {
  const peers = await api.call('pairList', {});
  const found = peers.find((pairing) => pairing.peer === peer);
  if (found !== undefined) return fromHex(found.siteId);
  const names = peers.map((pairing) => pairing.peer).join(', ');
  throw new AppError(`there is no peer ${peer}`, {
    code: 'peer_unknown',
    advice: names === '' ? 'This site has no peers: leave --from out.' : `Those there are: ${names}.`,
  });
}
