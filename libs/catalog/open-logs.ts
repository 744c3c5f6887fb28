import { equalBytes } from '#runtime';
import { decodeSignedBatch, type SignedBatch } from './batch.ts';
import { openingIn } from './body-peek.ts';
import { type Chain, predecessorOf } from './chains.ts';
import type { IncarnationOpened } from './entries.ts';
import { type IngestPorts, indexBatch } from './ingest.ts';
import { checkLog, type LogCheck, noteLost } from './log-check.ts';
import { type DamagedLog, type LogName, listLogs, logPath, readBlocks, syncLogs } from './log-files.ts';
import { type FramePlace, scanFrames } from './log-frame.ts';
import { decodeIncarnationStatement, incarnationIdOf } from './statements.ts';

export interface OpenedLogs {
  readonly checks: readonly LogCheck[];
  readonly damaged: readonly DamagedLog[];
}

type OpenPorts = Omit<IngestPorts, 'beforeWrite'>;
// Batches a transaction, so that the thread is free in between.
const batchesAtOnce = 256;

/**
 * Checks every byte of every log, and indexes what the views do not know yet. After damage the views are dropped: what
 * they say may be of bytes that are gone.
 */
export async function openLogs(ports: OpenPorts): Promise<OpenedLogs> {
  const { folder, chains } = ports;
  const checks: LogCheck[] = [];
  const names = listLogs(folder).logs;
  for (const name of names) checks.push(await checkLog(folder, name, chains));
  const lost = [...chains.all()].filter((chain) => !names.some((name) => isLogOf(name, chain)));
  for (const chain of lost) {
    noteLost(logPath(folder, { ...chain, number: chain.statement.number }), chain.tips.at(-1)?.seq ?? 0);
  }
  if (lost.length > 0 || checks.some((check) => check.state === 'damaged')) forgetViews(ports);
  const { logs, damaged } = listLogs(folder);
  await syncLogs(folder, logs);
  const suspect = new Set(damaged.map(({ name }) => logPath(folder, name)));
  // By number: a later incarnation builds on an earlier one.
  for (const name of logs.sort((a, b) => a.number - b.number)) {
    await indexLog(ports, name, suspect.has(logPath(folder, name)));
  }
  await ports.sites.settleAll();
  return { checks, damaged };
}

function forgetViews({ views, chains, trust, sites }: OpenPorts): void {
  views.clear();
  chains.reload();
  trust.reload();
  sites.reload();
}

/** Indexes a log from where the index ends. In a log that was damaged, a frame may be anything: signatures are checked. */
async function indexLog(ports: OpenPorts, name: LogName, isSuspect: boolean): Promise<void> {
  const path = logPath(ports.folder, name);
  const from = ports.chains.find(name.siteId, name.incarnationId)?.logBytes ?? 0;
  let waiting: { readonly signedBytes: Uint8Array; readonly place: FramePlace }[] = [];
  const flush = async () => {
    ports.views.transact(() => {
      for (const { signedBytes, place } of waiting) indexFrame(ports, name, signedBytes, place, isSuspect);
    });
    waiting = [];
    await new Promise(setImmediate);
  };
  for await (const { signedBytes, offset, length } of scanFrames(readBlocks(path, from))) {
    if (signedBytes !== undefined) waiting.push({ signedBytes, place: { offset: from + offset, length } });
    if (waiting.length >= batchesAtOnce) await flush();
  }
  await flush();
}

/** A frame whose predecessor is gone is passed over: it comes again from a peer, with what is missing before it. */
function indexFrame(
  ports: OpenPorts,
  name: LogName,
  signedBytes: Uint8Array,
  place: FramePlace,
  isSuspect: boolean,
): void {
  const batch = decodeSignedBatch(signedBytes);
  if (!isLogOf(name, batch)) return;
  const chain = ports.chains.find(batch.siteId, batch.incarnationId);
  if (chain !== undefined && ports.chains.has(chain, batch)) return;
  const opening = batch.seq === 0 ? openingIn(batch) : undefined;
  if (
    batch.seq === 0 &&
    (opening === undefined || !equalBytes(incarnationIdOf(opening.statement), batch.incarnationId))
  )
    return;
  const before = predecessorOf(batch);
  if (before !== undefined && (chain === undefined || !ports.chains.has(chain, before))) return;
  if (isSuspect && !isSigned(ports, batch, opening, chain)) return;
  indexBatch(ports, { batch, opening }, place);
}

function isSigned(
  { verify }: OpenPorts,
  batch: SignedBatch,
  opening: IncarnationOpened | undefined,
  chain: Chain | undefined,
): boolean {
  const statement =
    chain?.statement ?? (opening === undefined ? undefined : decodeIncarnationStatement(opening.statement));
  if (statement === undefined) return false;
  return verify(statement.publicKey, 'catalog batch', batch.batchBytes, batch.signature);
}

function isLogOf(name: LogName, of: Pick<LogName, 'siteId' | 'incarnationId'>): boolean {
  return equalBytes(name.siteId, of.siteId) && equalBytes(name.incarnationId, of.incarnationId);
}
