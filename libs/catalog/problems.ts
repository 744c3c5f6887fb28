import type { IncarnationId, SiteId } from '#model';
import type { RefusalReason } from './admission.ts';

/** What is not as it should be with the catalog; each one is told to people until it is over. */
export type CatalogProblem =
  /** Two batches of one seq were signed: whoever did it, the site must open a new incarnation. */
  | {
      readonly kind: 'forked';
      readonly siteId: SiteId;
      readonly incarnationId: IncarnationId;
      readonly fromSeq: number;
      /** The batches of `fromSeq`, both signed: the evidence. */
      readonly hashes: readonly Uint8Array[];
      /** A later incarnation has settled what counts. */
      readonly settled: boolean;
    }
  /** Two incarnations of one number; only a kit can pick. */
  | { readonly kind: 'contested'; readonly siteId: SiteId; readonly number: number }
  /** A log lost something acknowledged; it is whole again once `expectedSeq` is held. */
  | {
      readonly kind: 'log_damaged';
      readonly siteId: SiteId;
      readonly incarnationId: IncarnationId;
      readonly expectedSeq: number;
    }
  /** Bytes that were never acknowledged were cut off a log as it was opened: a crash, most likely. */
  | {
      readonly kind: 'tail_cut';
      readonly siteId: SiteId;
      readonly incarnationId: IncarnationId;
      readonly bytes: number;
    }
  /** This site may not write to its log. */
  | { readonly kind: 'incarnation_needed'; readonly why: string }
  /** The disk has refused a write. It is tried again with the next change, and is over once one succeeds. */
  | { readonly kind: 'not_writable'; readonly why: unknown }
  /** Bodies that this version, or the keys at hand, cannot read. */
  | {
      readonly kind: 'unread_bodies';
      readonly siteId: SiteId;
      readonly sealed: number;
      readonly malformed: number;
      readonly unknown: ReadonlyMap<number, number>;
    }
  /** Batches were refused since the start. */
  | {
      readonly kind: 'refused';
      readonly reason: RefusalReason;
      readonly count: number;
      readonly siteId: SiteId | undefined;
    };
