import { statSync } from 'node:fs';
import { equalBytes, isAppError, readingState, systemCode } from '#runtime';
import { type Admission, type AdmissionPorts, admit, type Refusal } from './admission.ts';
import { decodeSignedBatch, type SignedBatch } from './batch.ts';
import { additionsIn } from './body-peek.ts';
import { type ChainKey, chainKeyOf } from './chains.ts';
import type { IncarnationOpened } from './entries.ts';
import { appendFrames, logPath } from './log-files.ts';
import { encodeFrame, type FramePlace } from './log-frame.ts';
import type { Sites } from './sites.ts';
import type { ViewStore } from './view-store.ts';

export interface IngestPorts extends AdmissionPorts {
  readonly folder: string;
  readonly views: ViewStore;
  readonly sites: Sites;
  /** Called before the first byte of a batch that came from elsewhere is written. */
  readonly beforeWrite: (batch: SignedBatch) => void;
}

/** A batch that is admitted; the first one of an incarnation with its opening. */
export interface Admitted {
  readonly batch: SignedBatch;
  readonly opening: IncarnationOpened | undefined;
}

export interface Accepted {
  /** Newly held. */
  readonly taken: number;
  /** Held before. */
  readonly known: number;
  readonly refused: readonly Refusal[];
}

// A verification takes about 0.1 ms: the thread is free again after a few milliseconds.
const batchesAtOnce = 32;

/**
 * Takes in batches from anywhere, in the order given: verifies, writes a run of them to stable storage, then shows them.
 * A batch that is refused costs the others nothing.
 */
export async function acceptBatches(ports: IngestPorts, signed: readonly Uint8Array[]): Promise<Accepted> {
  const run = new Run(ports);
  const refused: Refusal[] = [];
  let known = 0;
  for (const [i, signedBytes] of signed.entries()) {
    if (i > 0 && i % batchesAtOnce === 0) await new Promise(setImmediate);
    const batch = decodeOrRefuse(signedBytes, refused);
    if (batch === undefined) continue;
    const admission = await run.offer(batch);
    if (admission.state === 'known') known += 1;
    if (admission.state === 'refused') refused.push(admission.refusal);
  }
  await run.flush();
  return { taken: run.taken, known, refused };
}

/** Batches that are admitted but not written: one write and one fsync for many. */
class Run {
  taken = 0;
  readonly #ports: IngestPorts;
  readonly #staged: Admitted[] = [];
  readonly #ends = new Map<ChainKey, SignedBatch>();

  constructor(ports: IngestPorts) {
    this.#ports = ports;
  }

  async offer(batch: SignedBatch): Promise<Admission> {
    const end = this.#ends.get(chainKeyOf(batch.siteId, batch.incarnationId));
    if (end !== undefined && follows(batch, end)) return this.#offerNext(batch);
    if (end !== undefined) await this.flush();
    let admission = admitSafely(this.#ports, batch);
    if (admission.state === 'refused' && this.#staged.length > 0) {
      // What it lacks may be in this run.
      await this.flush();
      admission = admitSafely(this.#ports, batch);
    }
    if (admission.state === 'admitted') {
      this.#stage({ batch, opening: admission.opening });
      if (admission.opening !== undefined) await this.flush();
    }
    return admission;
  }

  async flush(): Promise<void> {
    const staged = this.#staged.splice(0);
    this.#ends.clear();
    if (staged.length === 0) return;
    for (const { batch } of staged) this.#ports.beforeWrite(batch);
    await writeBatches(this.#ports, staged);
    this.taken += staged.length;
  }

  /** The successor of a staged batch: nothing but its number and signature is open. */
  async #offerNext(batch: SignedBatch): Promise<Admission> {
    const chain = this.#ports.chains.find(batch.siteId, batch.incarnationId);
    const isSigned =
      chain?.statement.number === batch.incarnationNumber &&
      this.#ports.verify(chain.statement.publicKey, 'catalog batch', batch.batchBytes, batch.signature);
    if (isSigned) {
      this.#stage({ batch, opening: undefined });
      return { state: 'admitted', opening: undefined };
    }
    await this.flush();
    return admitSafely(this.#ports, batch);
  }

  #stage(admitted: Admitted): void {
    this.#staged.push(admitted);
    this.#ends.set(chainKeyOf(admitted.batch.siteId, admitted.batch.incarnationId), admitted.batch);
  }
}

/** Writes admitted batches to their logs, waits for stable storage, then indexes them and makes their rows. */
export async function writeBatches(ports: IngestPorts, admitted: readonly Admitted[]): Promise<void> {
  const places = new Map<SignedBatch, FramePlace>();
  const byLog = Map.groupBy(admitted, ({ batch }) =>
    logPath(ports.folder, { ...batch, number: batch.incarnationNumber }),
  );
  for (const [path, group] of byLog) {
    const frames = group.map(({ batch }) => encodeFrame(batch.signedBytes));
    const start = sizeOf(path);
    await appendFrames(path, start, frames);
    let offset = start;
    group.forEach(({ batch }, i) => {
      const length = frames[i]?.length ?? 0;
      places.set(batch, { offset, length });
      offset += length;
    });
  }
  for (let from = 0; from < admitted.length; from += batchesAtOnce) {
    if (from > 0) await new Promise(setImmediate);
    const some = admitted.slice(from, from + batchesAtOnce);
    ports.views.transact(() => {
      for (const { batch, opening } of some) {
        const place = places.get(batch);
        if (place !== undefined) indexBatch(ports, { batch, opening }, place);
      }
    });
  }
  await ports.sites.settleAll();
}

/** Makes a batch that lies in its log part of what is held, in a transaction of the views. */
export function indexBatch(
  ports: Omit<IngestPorts, 'beforeWrite'>,
  { batch, opening }: Admitted,
  place: FramePlace,
): void {
  ports.chains.add(batch, place, opening);
  ports.sites.take(batch);
  const isNews = additionsIn(batch).filter((added) => ports.trust.note(batch, added)).length > 0;
  if (isNews) ports.sites.reconsider();
}

function admitSafely(ports: AdmissionPorts, batch: SignedBatch): Admission {
  try {
    return admit(ports, batch);
  } catch (error) {
    if (!isAppError(error, 'catalog_malformed') && !isAppError(error, 'malformed_message')) throw error;
    const { siteId, incarnationId, seq } = batch;
    return { state: 'refused', refusal: { reason: 'malformed', siteId, incarnationId, seq, needs: undefined } };
  }
}

function decodeOrRefuse(signedBytes: Uint8Array, refused: Refusal[]): SignedBatch | undefined {
  try {
    return decodeSignedBatch(signedBytes);
  } catch (error) {
    if (!isAppError(error)) throw error;
    const unnamed = { siteId: undefined, incarnationId: undefined, seq: undefined, needs: undefined };
    refused.push({ reason: 'malformed', ...unnamed });
    return undefined;
  }
}

function follows(batch: SignedBatch, end: SignedBatch): boolean {
  return batch.seq === end.seq + 1 && equalBytes(batch.previousHash, end.hash);
}

function sizeOf(path: string): number {
  try {
    return readingState(path, () => statSync(path).size);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  }
}
