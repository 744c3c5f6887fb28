import { asId, type DomainId, type RecordId, splitIds } from '#model';
import { type KeyBook, verifyRecord } from '#records';
import { concatBytes, equalBytes, toHex } from '#runtime';
import type { TrafficClass } from '#shaper';
import { parseRecord, type RecordView } from '#wire';
import { protocolViolation, sessionCut } from './errors.ts';
import { findContent } from './find-content.ts';
import { fetchClientChannel, fetchServerChannel } from './messages.ts';
import type { MessageChannel, RecordStore } from './ports.ts';

/** What is fetched for, in the order of the numbers that say so; each is the traffic class of the answers. */
const purposes = ['restore', 'heal', 'seed'] as const satisfies readonly TrafficClass[];

export type FetchPurpose = (typeof purposes)[number];

/** Ids in one request at most: PROTOCOL.md section 5. */
const fetchIdsMax = 4096;

/**
 * Asks one peer for the records that hold `ids`; yields each after it was proved good (a blind peer's checksum, a full
 * member's seal and hashes). Ids that the peer lacks are simply not yielded.
 */
export async function* fetchRecords(
  raw: MessageChannel,
  domainId: DomainId,
  ids: readonly RecordId[],
  keys: KeyBook | undefined,
  purpose: FetchPurpose = 'restore',
): AsyncGenerator<RecordView> {
  let ended = false;
  try {
    for (let at = 0; at < ids.length; at += fetchIdsMax)
      yield* fetchBatch(raw, domainId, ids.slice(at, at + fetchIdsMax), keys, purpose);
    await raw.end();
    ended = true;
  } finally {
    // The peer would wait for the next request for as long as the link lives.
    if (!ended) raw.abort(sessionCut());
  }
}

async function* fetchBatch(
  raw: MessageChannel,
  domainId: DomainId,
  ids: readonly RecordId[],
  keys: KeyBook | undefined,
  purpose: FetchPurpose,
): AsyncGenerator<RecordView> {
  const channel = fetchClientChannel(raw);
  const asked = new Set(ids.map(toHex));
  await channel.send({ domainId, ids: concatBytes(ids), purpose: purposes.indexOf(purpose) });
  for (let received = 0; ; received += 1) {
    const reply = await channel.receive();
    if (reply === undefined) throw sessionCut();
    if (reply.done) return;
    if (!reply.record || reply.record.length === 0) throw protocolViolation('an answer of no known kind');
    // Each id is answered by one record at most: nobody fills a disk with what was asked for once.
    if (received === ids.length) throw protocolViolation('more records than ids that were asked for');
    const record = parseRecord(reply.record);
    if (!equalBytes(record.domainId, domainId) || !record.ids.some((id) => asked.has(toHex(id)))) {
      throw protocolViolation('a record that was not asked for');
    }
    if (keys !== undefined) verifyRecord(keys, record);
    yield record;
  }
}

/** Serves one channel of service "fetch". `mayRead` throws when the peer has no business in a domain. */
export async function serveFetches(
  raw: MessageChannel,
  store: RecordStore,
  mayRead: (domainId: DomainId) => void,
): Promise<void> {
  const channel = fetchServerChannel(raw);
  for (let request = await channel.receive(); request !== undefined; request = await channel.receive()) {
    const domainId = asId('DomainId', request.domainId);
    const ids = splitIds('RecordId', request.ids);
    if (ids.length === 0 || ids.length > fetchIdsMax) throw protocolViolation('a request of impossible size');
    mayRead(domainId);
    raw.trafficClass = purposes[request.purpose ?? 0] ?? 'restore';
    let missing: readonly RecordId[] = [];
    for await (const found of findContent(store, domainId, ids, undefined)) {
      if ('missing' in found) missing = found.missing;
      else await channel.send({ record: found.record.bytes });
    }
    await channel.send({ done: { missingIds: concatBytes(missing) } });
  }
  await raw.end();
}
