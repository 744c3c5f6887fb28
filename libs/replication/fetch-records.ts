import { asId, type DomainId, type RecordId, splitIds } from '#model';
import { type KeyBook, verifyRecord } from '#records';
import { concatBytes, equalBytes, toHex } from '#runtime';
import { parseRecord, type RecordView } from '#wire';
import { protocolViolation, sessionCut } from './errors.ts';
import { findContent } from './find-content.ts';
import { fetchClientChannel, fetchServerChannel } from './messages.ts';
import type { MessageChannel, RecordStore } from './ports.ts';

/** Ids in one request at most: PROTOCOL.md section 5. */
export const fetchIdsMax = 4096;

/**
 * Asks one peer for the records that hold `ids`; yields each after it was proved good (a blind peer's checksum, a full
 * member's seal and hashes). Ids that the peer lacks are simply not yielded.
 */
export async function* fetchRecords(
  raw: MessageChannel,
  domainId: DomainId,
  ids: readonly RecordId[],
  keys: KeyBook | undefined,
): AsyncGenerator<RecordView> {
  const channel = fetchClientChannel(raw);
  const asked = new Set(ids.map(toHex));
  for (let at = 0; at < ids.length; at += fetchIdsMax) {
    await channel.send({ domainId, ids: concatBytes(ids.slice(at, at + fetchIdsMax)) });
    for (;;) {
      const reply = await channel.receive();
      if (reply === undefined) throw sessionCut();
      if (reply.done) break;
      if (!reply.record || reply.record.length === 0) throw protocolViolation('an answer of no known kind');
      const record = parseRecord(reply.record);
      if (!equalBytes(record.domainId, domainId) || !record.ids.some((id) => asked.has(toHex(id)))) {
        throw protocolViolation('a record that was not asked for');
      }
      if (keys !== undefined) verifyRecord(keys, record);
      yield record;
    }
  }
  await raw.end();
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
    let missing: readonly RecordId[] = [];
    for await (const found of findContent(store, domainId, ids, undefined)) {
      if ('missing' in found) missing = found.missing;
      else await channel.send({ record: found.record.bytes });
    }
    await channel.send({ done: { missingIds: concatBytes(missing) } });
  }
  await raw.end();
}
