import type { RealmId, SiteId } from '#model';
import { toHex } from '#runtime';
import type { Volumes } from '#targets';
import type { AcceptsRealm } from './pack-files.ts';
import { foreignStore, packTooNew } from './store-errors.ts';

const file = 'store.json';
const format = 1;

/**
 * Checks whose packs these volumes hold by their store.json, and writes one where there is none. Throws `foreign_store`
 * and `pack_too_new`. An unreadable one is written anew: every pack names its realm itself.
 */
export async function claimVolumes(
  volumes: Volumes,
  realmId: RealmId,
  siteId: SiteId,
  acceptsRealm: AcceptsRealm,
): Promise<void> {
  const [realm, site] = [toHex(realmId), toHex(siteId)];
  const claimed = parse(await volumes.readSmall(file));
  if (claimed !== undefined) {
    if (claimed.format > format) throw packTooNew(file, claimed.format);
    if (!acceptsRealm(claimed.realm)) throw foreignStore('realm', claimed.realm, realm);
    if (claimed.site !== site) throw foreignStore('site', claimed.site, site);
    if (claimed.realm === realm) return;
  }
  const content = `${JSON.stringify({ format, realmId: realm, siteId: site })}\n`;
  await volumes.writeSmall(file, new Uint8Array(Buffer.from(content)));
}

function parse(bytes: Uint8Array | undefined): { format: number; realm: string; site: string } | undefined {
  if (bytes === undefined) return undefined;
  const value = parseJson(Buffer.from(bytes).toString());
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('format' in value && 'realmId' in value && 'siteId' in value)) return undefined;
  const { format: written, realmId, siteId } = value;
  if (typeof written !== 'number' || typeof realmId !== 'string' || typeof siteId !== 'string') return undefined;
  return { format: written, realm: realmId, site: siteId };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
