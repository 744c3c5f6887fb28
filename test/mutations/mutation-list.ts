/** One defect that a tired programmer could make, and the tests of which at least one must see it. */
export interface Mutation {
  /** What is broken, as a claim about the damage. */
  readonly name: string;
  /** Relative to the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly from: string;
  readonly to: string;
  readonly tests: readonly string[];
}

const replication = ['libs/replication/*.test.ts'];
const store = ['libs/store/*.test.ts'];
const catalog = ['libs/catalog/*.test.ts'];
const link = ['libs/link/*.test.ts'];
const sealing = ['libs/keys/*.test.ts', 'libs/records/*.test.ts'];

/** G2: acknowledged is durable. */
const durability: readonly Mutation[] = [
  {
    name: 'a record is acknowledged before its group is durable',
    file: 'libs/replication/ingest.ts',
    from: '    this.#begin(sequence);\n    this.#groupBytes += length;',
    to: '    this.#begin(sequence);\n    this.#onAppended(sequence);\n    this.#undurable += 1;\n    this.#groupBytes += length;',
    tests: replication,
  },
  {
    name: 'a record that is here already is acknowledged before what came with it',
    file: 'libs/replication/ingest.ts',
    from: '    this.#skipped.push(sequence);\n',
    to: '    this.#onAppended(sequence);\n',
    tests: replication,
  },
  {
    name: 'a group is acknowledged without fdatasync',
    file: 'libs/store/pack-writer.ts',
    from: '    await this.#file.datasync();\n    [this.#durableBytes',
    to: '    [this.#durableBytes',
    tests: store,
  },
  {
    name: 'a pack gets its final name before its footer is durable',
    file: 'libs/store/pack-writer.ts',
    from: '    await this.#file.datasync();\n    await this.#file.close();',
    to: '    await this.#file.close();',
    tests: store,
  },
  {
    name: 'the marker is written while the group before is still being synced',
    file: 'libs/store/appender.ts',
    from: 'return (await before.durable) ?? written ??',
    to: 'return written ??',
    tests: store,
  },
  {
    name: 'after a failed sync the same pack goes on',
    file: 'libs/store/appender.ts',
    from: '.then(() => this.#options.lanes.abandonAll())',
    to: '.then(() => undefined)',
    tests: store,
  },
  {
    name: 'recovery trusts a marker without its hash',
    file: 'libs/store/commit-marker.ts',
    from: '  if (!equalBytes(sha256(bytes.subarray(0, hashedBytes)), bytes.subarray(hashedBytes))) return undefined;\n',
    to: '',
    tests: store,
  },
  {
    name: 'the receiver acknowledges one record too many',
    file: 'libs/replication/receiver-state.ts',
    from: "return [{ do: 'acknowledge', belowSequence: event.belowSequence }];",
    to: "return [{ do: 'acknowledge', belowSequence: event.belowSequence + 1 }];",
    tests: replication,
  },
  {
    name: 'the sender sends without regard to the window',
    file: 'libs/replication/sender-state.ts',
    from: 'state.unacknowledgedBytes + record.place.length > state.windowBytes) break;',
    to: 'state.unacknowledgedBytes + record.place.length > 2 * state.windowBytes) break;',
    tests: replication,
  },
  {
    name: 'a small file is replaced without fsync',
    file: 'libs/runtime/durable-files.ts',
    from: '      fsyncSync(descriptor);\n    } finally {\n      closeSync(descriptor);\n    }\n    renameSync',
    to: '    } finally {\n      closeSync(descriptor);\n    }\n    renameSync',
    tests: ['libs/runtime/*.test.ts', 'test/faults/*.test.ts'],
  },
];

/** G1, G5: what is replicated is whole, and nothing rots silently. */
const wholeness: readonly Mutation[] = [
  {
    name: 'a copy counts though the proof found records missing',
    file: 'libs/replication/receiver-state.ts',
    from: '  if (missing.length === 0) {',
    to: '  if (missing.length < 2) {',
    tests: replication,
  },
  {
    name: 'what a peer sends is stored without opening its seal',
    file: 'libs/replication/wire-decoder.ts',
    from: '    if (keys !== undefined) verifyRecord(keys, record);\n',
    to: '',
    tests: [...replication, 'test/hostile/*.test.ts'],
  },
  {
    name: 'a record of another domain is taken',
    file: 'libs/replication/wire-decoder.ts',
    from: "    if (!equalBytes(record.domainId, this.#domainId)) throw protocolViolation('a record of another domain');\n",
    to: '',
    tests: [...replication, 'test/hostile/*.test.ts'],
  },
  {
    name: 'packed contents may be others than those that were meant',
    file: 'libs/replication/wire-decoder.ts',
    from: "    if (!equalBytes(checkOf(named.flatMap(({ ids: of }) => of)), check))\n      throw protocolViolation('packed records that are not what they were sent for');\n",
    to: '',
    tests: replication,
  },
  {
    name: 'a delta is made of a dictionary that is not all here',
    file: 'libs/replication/wire-decoder.ts',
    from: '    if (known.length < ids.length) return { lacking: sequence };\n',
    to: '',
    tests: replication,
  },
  {
    name: 'a chunk may be another than its id names',
    file: 'libs/records/open-record.ts',
    from: "    if (!equalBytes(namer.name('leaf', hash), id)) throw recordDamaged('a chunk in it is not what its id names');\n",
    to: '',
    tests: [...sealing, 'test/hostile/*.test.ts'],
  },
  {
    name: 'a node may refer to others than its payload does',
    file: 'libs/records/open-record.ts',
    from: "  if (!same) throw recordDamaged('its references are not those of its payload');\n",
    to: '',
    tests: [...sealing, 'test/hostile/*.test.ts'],
  },
  {
    name: 'a record is read without its checksum',
    file: 'libs/wire/record.ts',
    from: "    throw recordDamaged('its checksum does not fit');\n",
    to: '',
    tests: ['libs/wire/*.test.ts', ...store],
  },
  {
    name: 'restore writes a chunk without checking its hash',
    file: 'libs/replication/read-source.ts',
    from: 'content === undefined || !equalBytes(sha256(content), hash)',
    to: 'content === undefined',
    tests: replication,
  },
  {
    name: 'restore takes a folder without checking its hash',
    file: 'libs/replication/read-source.ts',
    from: "        if (!equalBytes(sha256(payload), hash)) throw recordDamaged('a node came with another content');\n",
    to: '',
    tests: replication,
  },
  {
    name: 'an index entry that points to another record is believed',
    file: 'libs/store/store.ts',
    from: 'if (found !== undefined && equalBytes(found, id) && equalBytes(record.domainId, domainId)) return record;',
    to: 'if (found !== undefined) return record;',
    tests: store,
  },
];

/** G7: catalogs converge. */
const agreement: readonly Mutation[] = [
  {
    name: 'a batch is taken without its signature',
    file: 'libs/catalog/admission.ts',
    from: "  if (!verify(chain.statement.publicKey, 'catalog batch', batch.batchBytes, batch.signature)) {\n    return refuse(batch, 'bad_signature');\n  }\n",
    to: '',
    tests: catalog,
  },
  {
    name: 'a batch behind a staged one is taken without its signature',
    file: 'libs/catalog/ingest.ts',
    from: "      this.#ports.verify(chain.statement.publicKey, 'catalog batch', batch.batchBytes, batch.signature);",
    to: '      batch.signature.length > 0;',
    tests: catalog,
  },
  {
    name: 'an incarnation may open without anybody who may open it',
    file: 'libs/catalog/admission.ts',
    from: "  if (!ports.trust.mayKeep(opening, ports.chains)) return refuse(batch, 'unknown_authority');\n",
    to: '',
    tests: catalog,
  },
  {
    name: 'a batch is taken though the one before is missing',
    file: 'libs/catalog/admission.ts',
    from: '  if (before === undefined || !chains.has(chain, before)) {\n    const fromSeq = Math.min',
    to: '  if (before === undefined) {\n    const fromSeq = Math.min',
    tests: catalog,
  },
  {
    name: 'a disk that was rolled back goes on with its log',
    file: 'libs/catalog/own-log.ts',
    from: "    if (this.#isStale(chain.incarnationId)) throw incarnationNeeded('a peer holds more of it than this disk does');\n",
    to: '',
    tests: catalog,
  },
  {
    name: 'a fork in the own log is not noticed',
    file: 'libs/catalog/chains.ts',
    from: '    if (chain.tips.length > 0 && !followsTip) chain.forkSeq',
    to: '    if (chain.tips.length > 99 && !followsTip) chain.forkSeq',
    tests: catalog,
  },
];

/** G3, G8: closed door; bad input is refused. */
const door: readonly Mutation[] = [
  {
    name: 'a channel may send more than its credit',
    file: 'libs/link/incoming-messages.ts',
    from: "    if (bytes > this.#outstandingBytes) throw protocolViolation('a channel sent more than its credit');\n",
    to: '',
    tests: link,
  },
  {
    name: 'a message may be larger than it was announced',
    file: 'libs/link/incoming-messages.ts',
    from: 'if (bytes.length === 0 || filledBytes > partial.messageBytes) {',
    to: 'if (bytes.length === 0) {',
    tests: link,
  },
  {
    name: 'a recorded first message opens the door again',
    file: 'libs/link/replay-guard.ts',
    from: '    if (this.#seen.has(key)) return false;\n',
    to: '',
    tests: link,
  },
  {
    name: 'one stranger too many is let in',
    file: 'libs/link/stranger-limits.ts',
    from: 'if (sameAddress >= this.#limits.perAddressMax) {',
    to: 'if (sameAddress > this.#limits.perAddressMax) {',
    tests: link,
  },
  {
    name: 'a stranger may take his time',
    file: 'libs/link/stranger-limits.ts',
    from: 'this.#timers.after(this.#limits.timeoutMs, () => socket.destroy());',
    to: 'this.#timers.after(this.#limits.timeoutMs, () => undefined);',
    tests: link,
  },
  {
    name: 'the counter of a link cipher stands still',
    file: 'libs/link/noise-cipher.ts',
    from: '    this.#nonce += 1;\n',
    to: '',
    tests: link,
  },
  {
    name: 'a seal opens under other associated data',
    file: 'libs/keys/xaes.ts',
    from: '  decipher.setAAD(associatedData);',
    to: '  decipher.setAAD(noBytes);',
    tests: sealing,
  },
  {
    name: 'a compressed body may grow without limit',
    file: 'libs/records/compression.ts',
    from: 'maxOutputLength: rawMaxBytes, ',
    to: '',
    tests: [...sealing, 'test/fuzz/*.test.ts'],
  },
  {
    name: 'packed records may grow beyond what they say',
    file: 'libs/replication/zstd-dictionary.ts',
    from: '    maxOutputLength: rawLength,\n',
    to: '',
    tests: replication,
  },
  {
    name: 'packed records may say that they grow without limit',
    file: 'libs/replication/wire-decoder.ts',
    from: 'rawLength > packedRawMaxBytes || ',
    to: '',
    tests: replication,
  },
  {
    name: 'an invitation works twice',
    file: 'apps/sitepair/appliance/invitations.ts',
    from: 'invitation !== undefined && (invitation.usedBy === undefined || invitation.usedBy === toHex(siteId))',
    to: 'invitation !== undefined',
    tests: ['apps/sitepair/appliance/*.test.ts', 'test/pair/wrong-invitations.full.ts'],
  },
  {
    name: 'an invitation never expires',
    file: 'apps/sitepair/appliance/invitations.ts',
    from: 'invitation.expiresSeconds > nowSeconds',
    to: 'invitation.expiresSeconds > 0',
    tests: ['apps/sitepair/appliance/*.test.ts', 'test/pair/wrong-invitations.full.ts'],
  },
  {
    name: "an agent reads others' snapshots by their id",
    file: 'apps/sitepair/appliance/agent-services.ts',
    from: '.filter((row) => equalBytes(row.siteId, siteId) && own.has(toHex(row.datasetId)))',
    to: '.filter((row) => equalBytes(row.siteId, siteId))',
    tests: ['test/pair/agents.full.ts', 'test/hostile/*.test.ts'],
  },
  {
    name: 'an agent builds on content that it never showed',
    file: 'libs/replication/prove-closure.ts',
    from: 'ids.filter((id) => !visible.has(id))',
    to: 'ids.filter((id) => !visible.has(id) && false)',
    tests: replication,
  },
];

/** What could go wrong, each in one place of the code as it is. */
export const mutations: readonly Mutation[] = [...durability, ...wholeness, ...agreement, ...door];
