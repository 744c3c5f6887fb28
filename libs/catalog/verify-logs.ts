import type { IncarnationId, SiteId } from '#model';
import { asId } from '#model';
import { decodeSignedBatch } from './batch.ts';
import { type Chain, predecessorOf } from './chains.ts';
import type { IngestPorts } from './ingest.ts';
import { listLogs, logPath, readBlocks } from './log-files.ts';
import { scanFrames } from './log-frame.ts';

export interface LogFault {
  readonly siteId: SiteId;
  readonly incarnationId: IncarnationId;
  readonly offset: number;
  readonly what: 'damaged' | 'not_signed' | 'not_linked' | 'cut_short';
}

export interface LogVerification {
  readonly batches: number;
  readonly faults: readonly LogFault[];
}

/** Reads every log from its first byte: frames, links and signatures. What it finds is healed by opening the catalog anew. */
export async function verifyLogs(ports: Pick<IngestPorts, 'folder' | 'chains' | 'verify'>): Promise<LogVerification> {
  const faults: LogFault[] = [];
  let batches = 0;
  for (const name of listLogs(ports.folder).logs) {
    const chain = ports.chains.find(name.siteId, name.incarnationId);
    const siteId = asId('SiteId', name.siteId);
    const incarnationId = asId('IncarnationId', name.incarnationId);
    // What is being appended meanwhile is looked at next time.
    const logBytes = chain?.logBytes ?? 0;
    const blocks = readBlocks(logPath(ports.folder, name), 0, logBytes);
    let end = 0;
    for await (const { signedBytes, offset, length } of scanFrames(blocks)) {
      const what = signedBytes === undefined ? 'damaged' : faultOf(ports, chain, signedBytes);
      if (what === undefined) batches += 1;
      else faults.push({ siteId, incarnationId, offset, what });
      end = offset + length;
      if (batches % batchesAtOnce === 0) await new Promise(setImmediate);
    }
    if (end < logBytes) faults.push({ siteId, incarnationId, offset: end, what: 'cut_short' });
  }
  return { batches, faults };
}

// A verification takes about 0.1 ms.
const batchesAtOnce = 32;

function faultOf(
  { chains, verify }: Pick<IngestPorts, 'chains' | 'verify'>,
  chain: Chain | undefined,
  signedBytes: Uint8Array,
): 'not_signed' | 'not_linked' | undefined {
  const batch = decodeSignedBatch(signedBytes);
  const before = predecessorOf(batch);
  if (chain === undefined || !chains.has(chain, batch)) return 'not_linked';
  if (before !== undefined && !chains.has(chain, before)) return 'not_linked';
  const isSigned = verify(chain.statement.publicKey, 'catalog batch', batch.batchBytes, batch.signature);
  return isSigned ? undefined : 'not_signed';
}
