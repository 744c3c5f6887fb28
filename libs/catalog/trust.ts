import type { SiteId } from '#model';
import { equalBytes, isAppError, toHex } from '#runtime';
import { sha256 } from '#wire';
import type { Batch, Head } from './batch.ts';
import { type ChainKey, type Chains, chainKeyOf } from './chains.ts';
import type { IncarnationOpened, IncarnationStatement, MemberAdded, MemberStatement, Role } from './entries.ts';
import type { KitKey, KnownSiteKeys, Verify } from './ports.ts';
import { decodeIncarnationStatement, decodeMemberStatement } from './statements.ts';
import { keyOf, Table } from './view-keys.ts';
import type { ViewStore } from './view-store.ts';

/** Who stands behind an incarnation: the kit, the site's key before, or nobody that is known here. */
export type Authority = 'kit' | 'site' | 'none';

interface Vouch {
  readonly siteId: SiteId;
  readonly publicKey: Uint8Array;
  readonly kitId: Uint8Array;
  readonly kitPublicKey: Uint8Array;
  readonly role: Role;
  /** The batch that says so, as it was first met. */
  readonly saidBy: SiteId;
  readonly saidIn: Pick<Head, 'incarnationId' | 'seq'>;
}

/**
 * Which keys speak for which site: what pairing and keyring say, and the countersigned additions by full sites in logs
 * that are held, whether these still count or not. So all who hold the same logs can verify the same batches.
 */
export class KeyTrust {
  readonly #views: ViewStore;
  readonly #known: KnownSiteKeys;
  readonly #verify: Verify;
  readonly #vouches = new Map<string, Vouch[]>();
  /** The sites whose additions are believed; undefined when it must be found anew. */
  #standing: Set<string> | undefined;

  constructor(views: ViewStore, known: KnownSiteKeys, verify: Verify) {
    this.#views = views;
    this.#known = known;
    this.#verify = verify;
    this.reload();
  }

  /** Takes what the views have, after they were cleared or a transaction was given up. */
  reload(): void {
    this.#vouches.clear();
    this.#standing = undefined;
    for (const { value } of this.#views.range(keyOf(Table.vouch))) this.#remember(value as Vouch);
  }

  /** Notes an addition in a verified batch, in a transaction of the views; true when it is new. */
  note(batch: Batch, added: MemberAdded): boolean {
    const statement = this.checkedAddition(batch.siteId, added);
    if (statement === undefined) return false;
    const { siteId, publicKey, kitId, kitPublicKey, role } = statement;
    const key = keyOf(Table.vouch, siteId, sha256(added.statement));
    if (this.#views.has(key)) return false;
    const saidIn = { incarnationId: batch.incarnationId, seq: batch.seq };
    const vouch: Vouch = { siteId, publicKey, kitId, kitPublicKey, role, saidBy: batch.siteId, saidIn };
    this.#views.put(key, vouch);
    this.#remember(vouch);
    this.#standing = undefined;
    return true;
  }

  /** True for the statement of an addition that was noted. */
  hasStatement(statement: Uint8Array): boolean {
    const { siteId } = decodeMemberStatement(statement);
    return this.#views.has(keyOf(Table.vouch, siteId, sha256(statement)));
  }

  /** Where others have added this site: whoever holds one of these batches can verify its log. */
  vouchersOf(siteId: Uint8Array): { readonly chainKey: ChainKey; readonly seq: number }[] {
    return this.#vouchesFor(siteId).map(({ saidBy, saidIn }) => ({
      chainKey: chainKeyOf(saidBy, saidIn.incarnationId),
      seq: saidIn.seq,
    }));
  }

  /** The statement of an addition that its author and the newcomer both stand for; undefined for any other. */
  checkedAddition(author: Uint8Array, added: MemberAdded): MemberStatement | undefined {
    try {
      const statement = decodeMemberStatement(added.statement);
      if (!equalBytes(statement.bySiteId, author)) return undefined;
      const signed = this.#verify(statement.publicKey, 'catalog member', added.statement, added.countersignature);
      return signed ? statement : undefined;
    } catch (error) {
      if (isAppError(error)) return undefined;
      throw error;
    }
  }

  /** True for a site that somebody who is believed speaks for. */
  knows(siteId: Uint8Array): boolean {
    return this.#known(siteId as SiteId) !== undefined || this.#vouchesFor(siteId).length > 0;
  }

  /** True for a site that was ever a full one: its additions are believed, its log goes to blind peers. */
  wasFull(siteId: Uint8Array): boolean {
    this.#standing ??= this.#findStanding();
    return this.#standing.has(toHex(siteId));
  }

  /** Who stands behind an opening. `chains` must hold the incarnation that it cuts, for the key before to count. */
  authorityOf(opening: IncarnationOpened, chains: Chains): Authority {
    const statement = decodeIncarnationStatement(opening.statement);
    const kits = this.#kitKeys(statement).filter((kit) => kit.voided !== true);
    if (kits.some((kit) => this.#signs(kit.publicKey, opening, opening.kitSignature))) return 'kit';
    if (statement.cut === undefined) {
      const isFirst = statement.number === 1;
      const isKnown = this.#siteKeys(statement.siteId).some((key) => equalBytes(key, statement.publicKey));
      return isFirst && isKnown ? 'site' : 'none';
    }
    const before = chains.find(statement.siteId, statement.cut.incarnationId);
    if (before === undefined || before.statement.number + 1 !== statement.number) return 'none';
    return this.#signs(before.statement.publicKey, opening, opening.previousSignature) ? 'site' : 'none';
  }

  /**
   * True for an opening that is kept: somebody stands behind it, or did. What a kit opened before it was voided may be
   * part of what counts, and all must keep the same, whoever heard of the voiding first.
   */
  mayKeep(opening: IncarnationOpened, chains: Chains): boolean {
    if (this.authorityOf(opening, chains) !== 'none') return true;
    const kits = this.#kitKeys(decodeIncarnationStatement(opening.statement));
    return kits.some((kit) => this.#signs(kit.publicKey, opening, opening.kitSignature));
  }

  #signs(publicKey: Uint8Array, opening: IncarnationOpened, signature: Uint8Array): boolean {
    return this.#verify(publicKey, 'catalog incarnation', opening.statement, signature);
  }

  /** Who is known by pairing, unless somebody calls it blind; then, step by step, whom these add as full. */
  #findStanding(): Set<string> {
    const all = [...this.#vouches.values()].flat();
    const blind = new Set(all.filter((vouch) => vouch.role === 'blind').map((vouch) => toHex(vouch.siteId)));
    const ids = new Map(all.flatMap((vouch) => [vouch.siteId, vouch.saidBy]).map((id) => [toHex(id), id]));
    const known = [...ids].filter(([hex, id]) => this.#known(id) !== undefined && !blind.has(hex));
    const standing = new Set(known.map(([hex]) => hex));
    for (let size = -1; size !== standing.size; ) {
      size = standing.size;
      for (const { saidBy, siteId, role } of all) {
        if (role === 'full' && standing.has(toHex(saidBy))) standing.add(toHex(siteId));
      }
    }
    return standing;
  }

  /** What full sites say of this one. Its own word would make a thief of its key the master of its kits. */
  #vouchesFor(siteId: Uint8Array): Vouch[] {
    const vouches = this.#vouches.get(toHex(siteId)) ?? [];
    return vouches.filter(({ saidBy }) => !equalBytes(saidBy, siteId) && this.wasFull(saidBy));
  }

  #siteKeys(siteId: SiteId): Uint8Array[] {
    const vouches = this.#vouchesFor(siteId);
    return [...(this.#known(siteId)?.publicKeys ?? []), ...vouches.map((vouch) => vouch.publicKey)];
  }

  /** The keys of the kit that a statement names; one that is voided is so for everybody who says anything about it. */
  #kitKeys({ siteId, kitId }: IncarnationStatement): KitKey[] {
    if (kitId.length === 0) return [];
    const known = (this.#known(siteId)?.kits ?? []).filter((kit) => equalBytes(kit.kitId, kitId));
    const voided = known.some((kit) => kit.voided === true);
    const vouches = this.#vouchesFor(siteId).filter((vouch) => equalBytes(vouch.kitId, kitId));
    const vouched = vouches.map((vouch) => ({ kitId, publicKey: vouch.kitPublicKey, voided }));
    return [...known.map((kit) => ({ ...kit, voided })), ...vouched];
  }

  #remember(vouch: Vouch): void {
    const site = toHex(vouch.siteId);
    this.#vouches.set(site, [...(this.#vouches.get(site) ?? []), vouch]);
  }
}
