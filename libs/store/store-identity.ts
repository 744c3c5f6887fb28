import type { RealmId, SiteId } from '#model';
import { isAsWritten, jsonCheckOf, toHex } from '#runtime';
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
    if (claimed.realm === realm && claimed.checked) return;
  }
  const claim = { format, realmId: realm, siteId: site };
  const content = `${JSON.stringify({ ...claim, check: jsonCheckOf(claim) })}\n`;
  await volumes.writeSmall(file, new Uint8Array(Buffer.from(content)));
}

interface Claim {
  readonly format: number;
  readonly realm: string;
  readonly site: string;
  /** False in what an earlier version wrote. */
  readonly checked: boolean;
}

function parse(bytes: Uint8Array | undefined): Claim | undefined {
  if (bytes === undefined) return undefined;
  const value = parseJson(Buffer.from(bytes).toString());
  if (typeof value !== 'object' || value === null) return undefined;
  // A changed byte must not make another realm's store of it. One of an earlier version has no check.
  if (!isAsWritten(value as Readonly<Record<string, unknown>>)) return undefined;
  if (!('format' in value && 'realmId' in value && 'siteId' in value)) return undefined;
  const { format: written, realmId, siteId } = value;
  if (typeof written !== 'number' || typeof realmId !== 'string' || typeof siteId !== 'string') return undefined;
  return { format: written, realm: realmId, site: siteId, checked: 'check' in value };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
