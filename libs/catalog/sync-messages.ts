import { asId } from '#model';
import { codecOf } from '#wire';
import type { Point } from './batch.ts';
import { malformedCatalog } from './catalog-errors.ts';
import { bytesField, countField, type Fields, listField, messageField, messageList } from './fields.ts';
import type { ChainHeads } from './heads.ts';
import { catalogLimits, hashBytes } from './limits.ts';

const codec = codecOf<Fields>('catalog.proto', 'sitepair.catalog.v1.CatalogMessage');

/** What one end holds, and how far it has come with what the other sent. */
export interface HeadsMessage {
  readonly type: 'heads';
  /** Counts the sender's states of this exchange from 1: equal version, equal digest. */
  readonly version: number;
  readonly digest: Uint8Array;
  readonly chains: readonly ChainHeads[];
  readonly batchesReceived: number;
  readonly servedVersion: number;
}

export interface BatchesMessage {
  readonly type: 'batches';
  /** Encoded SignedBatch each. */
  readonly signed: readonly Uint8Array[];
  /** The sender has no more for now and wants to hear what is held. */
  readonly last: boolean;
}

export type CatalogMessage = HeadsMessage | BatchesMessage;

/** Bytes of batches that one message may carry; the rest is field headers. */
export const batchesBytesMax = catalogLimits.messageBytes - 65_536;
/** As many batches as fit when each has at least its signature and ids. */
export const batchesInMessageMax = 8192;

export function encodeCatalogMessage(message: CatalogMessage): Uint8Array {
  return codec.encode(message.type === 'heads' ? { heads: message } : { batches: message });
}

/** Throws `catalog_malformed` or `malformed_message` for anything that is not a message within the limits. */
export function decodeCatalogMessage(bytes: Uint8Array): CatalogMessage {
  if (bytes.length > catalogLimits.messageBytes) throw malformedCatalog('a message is too large');
  const fields = codec.decode(bytes);
  const heads = messageField(fields, 'heads');
  const batches = messageField(fields, 'batches');
  if (heads !== undefined) return decodeHeads(heads);
  if (batches !== undefined) return decodeBatches(batches);
  throw malformedCatalog('a message without content');
}

function decodeHeads(fields: Fields): HeadsMessage {
  const chains = messageList(fields, 'chains');
  const chainsMax = catalogLimits.sites * catalogLimits.incarnationsOfSite;
  if (chains.length > chainsMax) throw malformedCatalog('too many chains');
  return {
    type: 'heads',
    version: countField(fields, 'version'),
    digest: bytesField(fields, 'digest', hashBytes),
    chains: chains.map(decodeChain),
    batchesReceived: countField(fields, 'batchesReceived'),
    servedVersion: countField(fields, 'servedVersion'),
  };
}

function decodeChain(fields: Fields): ChainHeads {
  const [tips, trail] = [messageList(fields, 'tips'), messageList(fields, 'trail')];
  if (tips.length > catalogLimits.tips || trail.length > catalogLimits.trail) {
    throw malformedCatalog('a chain with too many points');
  }
  return {
    siteId: asId('SiteId', bytesField(fields, 'siteId')),
    incarnationId: asId('IncarnationId', bytesField(fields, 'incarnationId')),
    tips: tips.map(decodePoint),
    trail: trail.map(decodePoint),
  };
}

function decodePoint(fields: Fields): Point {
  return { seq: countField(fields, 'seq'), hash: bytesField(fields, 'hash', hashBytes) };
}

function decodeBatches(fields: Fields): BatchesMessage {
  const signed = listField(fields, 'signed').filter((batch) => batch instanceof Uint8Array);
  if (signed.length > batchesInMessageMax) throw malformedCatalog('too many batches in one message');
  return { type: 'batches', signed, last: fields.last === true };
}
