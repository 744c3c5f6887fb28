import { asId, type IncarnationId, type SiteId } from '#model';
import { codecOf, sha256 } from '#wire';
import { malformedCatalog } from './catalog-errors.ts';
import { bytesField, bytesView, countField, type Fields, integerField, listField, messageList } from './fields.ts';
import { catalogLimits, hashBytes, signatureBytes } from './limits.ts';
import type { Signer } from './ports.ts';

const signedCodec = codecOf<Fields>('catalog.proto', 'sitepair.catalog.v1.SignedBatch');
const batchCodec = codecOf<Fields>('catalog.proto', 'sitepair.catalog.v1.Batch');

/** A place in a chain: the batch of this seq and hash, which stands for all before it. */
export interface Point {
  readonly seq: number;
  readonly hash: Uint8Array;
}

/** A point of a chain, the chain named. */
export interface Head extends Point {
  readonly siteId: SiteId;
  readonly incarnationId: IncarnationId;
}

/** A batch as it is signed; hashes are SHA-256 of its encoded bytes. */
export interface Batch {
  readonly siteId: SiteId;
  readonly incarnationId: IncarnationId;
  readonly incarnationNumber: number;
  readonly seq: number;
  readonly previousHash: Uint8Array;
  readonly headsSeen: readonly Head[];
  readonly allHeads: boolean;
  readonly wallSeconds: number;
  readonly wallNanos: number;
  /** Views into the batch's bytes. */
  readonly bodies: readonly Uint8Array[];
}

/** A decoded batch beside the bytes it came from. Its signature is not checked yet. */
export interface SignedBatch extends Batch {
  /** The encoded SignedBatch: what lies in logs and goes to peers. */
  readonly signedBytes: Uint8Array;
  readonly batchBytes: Uint8Array;
  readonly signature: Uint8Array;
  readonly hash: Uint8Array;
}

/** Encodes and signs a batch. */
export function signBatch(batch: Batch, signer: Signer): SignedBatch {
  const batchBytes = batchCodec.encode({ ...batch });
  const signature = signer.sign('catalog batch', batchBytes);
  const signedBytes = signedCodec.encode({ batch: batchBytes, signature });
  return { ...batch, signedBytes, batchBytes, signature, hash: sha256(batchBytes) };
}

/** Decodes a signed batch and checks its shape and sizes, nothing else. Throws `catalog_malformed`, `malformed_message`. */
export function decodeSignedBatch(signedBytes: Uint8Array): SignedBatch {
  if (signedBytes.length > catalogLimits.batchBytes) throw malformedCatalog('a batch is too large');
  const outer = signedCodec.decode(signedBytes);
  const batchBytes = bytesView(outer, 'batch');
  const fields = batchCodec.decode(batchBytes);
  const bodies = listField(fields, 'bodies').filter((body) => body instanceof Uint8Array);
  const heads = messageList(fields, 'headsSeen');
  if (bodies.length > catalogLimits.bodies) throw malformedCatalog('a batch with too many bodies');
  if (bodies.some((body) => body.length > catalogLimits.bodyBytes)) throw malformedCatalog('a body is too large');
  if (heads.length > catalogLimits.headsSeen) throw malformedCatalog('a batch that has seen too many heads');
  const incarnationNumber = countField(fields, 'incarnationNumber');
  const wallNanos = countField(fields, 'wallNanos');
  if (incarnationNumber === 0) throw malformedCatalog('a batch of no incarnation');
  if (wallNanos >= 1_000_000_000) throw malformedCatalog('a wall time with too many nanoseconds');
  return {
    siteId: asId('SiteId', bytesField(fields, 'siteId')),
    incarnationId: asId('IncarnationId', bytesField(fields, 'incarnationId')),
    incarnationNumber,
    seq: countField(fields, 'seq'),
    previousHash: bytesField(fields, 'previousHash', hashBytes),
    headsSeen: heads.map(decodeHead),
    allHeads: fields.allHeads === true,
    wallSeconds: integerField(fields, 'wallSeconds'),
    wallNanos,
    bodies,
    signedBytes,
    batchBytes,
    signature: bytesField(outer, 'signature', signatureBytes),
    hash: sha256(batchBytes),
  };
}

function decodeHead(fields: Fields): Head {
  return {
    siteId: asId('SiteId', bytesField(fields, 'siteId')),
    incarnationId: asId('IncarnationId', bytesField(fields, 'incarnationId')),
    seq: countField(fields, 'seq'),
    hash: bytesField(fields, 'hash', hashBytes),
  };
}
