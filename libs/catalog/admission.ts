import type { IncarnationId, SiteId } from '#model';
import { equalBytes } from '#runtime';
import type { SignedBatch } from './batch.ts';
import { openingIn } from './body-peek.ts';
import { type Chain, type Chains, openingHash, predecessorOf } from './chains.ts';
import type { IncarnationOpened, IncarnationStatement } from './entries.ts';
import { catalogLimits } from './limits.ts';
import type { Verify } from './ports.ts';
import { decodeIncarnationStatement, incarnationIdOf } from './statements.ts';
import type { KeyTrust } from './trust.ts';

export type RefusalReason =
  | 'malformed'
  | 'gap'
  | 'unknown_site'
  | 'unknown_authority'
  | 'bad_signature'
  | 'too_many_sites'
  | 'too_many_incarnations'
  | 'too_many_forks';

/** Why a batch was not taken. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** Undefined for bytes that are no batch. */
  readonly siteId: SiteId | undefined;
  readonly incarnationId: IncarnationId | undefined;
  readonly seq: number | undefined;
  /** For a gap: which batches must come first. */
  readonly needs: { readonly incarnationId: IncarnationId; readonly fromSeq: number } | undefined;
}

export type Admission =
  | { readonly state: 'known' }
  | { readonly state: 'admitted'; readonly opening: IncarnationOpened | undefined }
  | { readonly state: 'refused'; readonly refusal: Refusal };

export interface AdmissionPorts {
  readonly chains: Chains;
  readonly trust: KeyTrust;
  readonly verify: Verify;
}

/** Decides about a batch from anywhere, cheap checks first. Nothing is written. */
export function admit(ports: AdmissionPorts, batch: SignedBatch): Admission {
  const chain = ports.chains.find(batch.siteId, batch.incarnationId);
  if (chain !== undefined && ports.chains.has(chain, batch)) return { state: 'known' };
  if (chain === undefined && !ports.trust.knows(batch.siteId)) return refuse(batch, 'unknown_site');
  return batch.seq === 0 ? admitFirst(ports, batch, chain) : admitNext(ports, batch, chain);
}

function admitNext({ chains, verify }: AdmissionPorts, batch: SignedBatch, chain: Chain | undefined): Admission {
  const before = predecessorOf(batch);
  if (chain === undefined) return refuse(batch, 'gap', { incarnationId: batch.incarnationId, fromSeq: 0 });
  if (chain.statement.number !== batch.incarnationNumber) return refuse(batch, 'malformed');
  if (before === undefined || !chains.has(chain, before)) {
    const fromSeq = Math.min((chain.tips.at(-1)?.seq ?? -1) + 1, batch.seq - 1);
    return refuse(batch, 'gap', { incarnationId: batch.incarnationId, fromSeq });
  }
  if (!verify(chain.statement.publicKey, 'catalog batch', batch.batchBytes, batch.signature)) {
    return refuse(batch, 'bad_signature');
  }
  const opensBranch = !chain.tips.some((tip) => tip.seq === before.seq && equalBytes(tip.hash, before.hash));
  if (opensBranch && chain.tips.length >= catalogLimits.tips) return refuse(batch, 'too_many_forks');
  return { state: 'admitted', opening: undefined };
}

function admitFirst(ports: AdmissionPorts, batch: SignedBatch, chain: Chain | undefined): Admission {
  const opening = openingIn(batch);
  if (opening === undefined || !equalBytes(incarnationIdOf(opening.statement), batch.incarnationId)) {
    return refuse(batch, 'malformed');
  }
  const statement = decodeIncarnationStatement(opening.statement);
  const fits =
    equalBytes(statement.siteId, batch.siteId) &&
    statement.number === batch.incarnationNumber &&
    equalBytes(openingHash(statement), batch.previousHash);
  if (!fits) return refuse(batch, 'malformed');
  if (!ports.verify(statement.publicKey, 'catalog batch', batch.batchBytes, batch.signature)) {
    return refuse(batch, 'bad_signature');
  }
  const { cut } = statement;
  if (cut !== undefined) {
    const before = ports.chains.find(batch.siteId, cut.incarnationId);
    if (before === undefined || !ports.chains.has(before, cut)) {
      return refuse(batch, 'gap', { incarnationId: cut.incarnationId, fromSeq: (before?.tips.at(-1)?.seq ?? -1) + 1 });
    }
    if (before.statement.number >= statement.number) return refuse(batch, 'malformed');
  }
  if (!ports.trust.mayKeep(opening, ports.chains)) return refuse(batch, 'unknown_authority');
  if (chain !== undefined) {
    return chain.tips.length >= catalogLimits.tips ? refuse(batch, 'too_many_forks') : { state: 'admitted', opening };
  }
  const tooMany = limitReached(ports, statement, ports.trust.authorityOf(opening, ports.chains) === 'kit');
  return tooMany === undefined ? { state: 'admitted', opening } : refuse(batch, tooMany);
}

function limitReached(
  { chains, trust }: AdmissionPorts,
  { siteId }: IncarnationStatement,
  byKit: boolean,
): RefusalReason | undefined {
  const incarnations = chains.ofSite(siteId);
  if (incarnations.length === 0 && chains.siteCount() >= catalogLimits.sites) return 'too_many_sites';
  if (incarnations.length >= catalogLimits.incarnationsOfSite) return 'too_many_incarnations';
  const bySite = incarnations.filter((chain) => trust.authorityOf(chain.opening, chains) !== 'kit').length;
  return !byKit && bySite >= catalogLimits.siteSignedIncarnationsOfSite ? 'too_many_incarnations' : undefined;
}

function refuse(batch: SignedBatch, reason: RefusalReason, needs?: Refusal['needs']): Admission {
  const { siteId, incarnationId, seq } = batch;
  return { state: 'refused', refusal: { reason, siteId, incarnationId, seq, needs } };
}
