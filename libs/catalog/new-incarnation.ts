import type { IncarnationId, SiteId } from '#model';
import { AppError, equalBytes, type Random } from '#runtime';
import type { Batch, Point } from './batch.ts';
import { malformedCatalog } from './catalog-errors.ts';
import { type Chain, type Chains, openingHash } from './chains.ts';
import type { CutPoint, IncarnationOpened, IncarnationStatement } from './entries.ts';
import type { KitSigner, Signer } from './ports.ts';
import type { Sites } from './sites.ts';
import { encodeIncarnationStatement, incarnationIdOf } from './statements.ts';
import { currentOf } from './timeline.ts';
import type { KeyTrust } from './trust.ts';

export interface NewIncarnation {
  /** Signs this site's batches from now on. */
  readonly signer: Signer;
  /** The recovery kit: for the first incarnation, after a loss of the key, and to pick between two. */
  readonly kit?: KitSigner | undefined;
  /** The incarnation whose batches are to count; the one in force unless told. */
  readonly continueFrom?: IncarnationId | undefined;
  /** For a new kit on a site that goes on as it is: what it claimed about copies on its own disks stands. */
  readonly keepsCopies?: boolean;
}

export interface IncarnationPorts {
  readonly chains: Chains;
  readonly sites: Sites;
  readonly trust: KeyTrust;
  readonly random: Random;
}

export interface PreparedIncarnation {
  readonly place: Pick<Batch, 'siteId' | 'incarnationId' | 'incarnationNumber' | 'previousHash'>;
  readonly opening: IncarnationOpened;
}

/**
 * The opening of a site's next incarnation: numbered above all that are held, cut where the incarnation it continues
 * ends (the longest branch when that forks). Throws `catalog_kit_needed` when the site's key alone does not suffice.
 */
export function prepareIncarnation(
  ports: IncarnationPorts,
  siteId: SiteId,
  currentSigner: Signer,
  { signer, kit, continueFrom, keepsCopies = false }: NewIncarnation,
): PreparedIncarnation {
  const held = ports.chains.ofSite(siteId);
  const before = continued(ports, siteId, held, continueFrom);
  const statement: IncarnationStatement = {
    siteId,
    nonce: ports.random.bytes(16),
    number: held.reduce((highest, chain) => Math.max(highest, chain.statement.number), 0) + 1,
    publicKey: signer.publicKey,
    cut: before === undefined ? undefined : cutOf(before),
    kitId: kit?.kitId ?? new Uint8Array(0),
    keepsCopies,
  };
  const bytes = encodeIncarnationStatement(statement);
  const opening: IncarnationOpened = {
    kind: 'incarnationOpened',
    statement: bytes,
    kitSignature: kit?.sign('catalog incarnation', bytes) ?? new Uint8Array(0),
    previousSignature: before === undefined ? new Uint8Array(0) : currentSigner.sign('catalog incarnation', bytes),
  };
  if (ports.trust.authorityOf(opening, ports.chains) === 'none') throw kitNeeded(kit !== undefined);
  const place = {
    siteId,
    incarnationId: incarnationIdOf(bytes),
    incarnationNumber: statement.number,
    previousHash: openingHash(statement),
  };
  return { place, opening };
}

function continued(
  { sites }: IncarnationPorts,
  siteId: SiteId,
  held: readonly Chain[],
  continueFrom: IncarnationId | undefined,
): Chain | undefined {
  if (continueFrom === undefined) return currentOf(sites.timeline(siteId))?.chain ?? held.at(-1);
  const chain = held.find((candidate) => equalBytes(candidate.incarnationId, continueFrom));
  if (chain === undefined) throw malformedCatalog('the incarnation to continue is not held here');
  return chain;
}

/** The end of the longest branch; of two of one length the one of the lower hash. */
function cutOf(chain: Chain): CutPoint {
  const longest = chain.tips.reduce<Point | undefined>(
    (best, tip) => (best === undefined || tip.seq > best.seq ? tip : best),
    undefined,
  );
  if (longest === undefined) throw new Error('bug: a chain without a batch');
  return { incarnationId: chain.incarnationId, seq: longest.seq, hash: longest.hash };
}

function kitNeeded(hasKit: boolean): AppError {
  return new AppError('the key at hand may not open this incarnation', {
    code: 'catalog_kit_needed',
    advice: hasKit
      ? 'Use the newest recovery kit of this site: this one is not known here.'
      : 'Give the recovery kit of this site with --kit.',
  });
}
