import type { DomainId, RealmId, RecordId, SiteId } from '#model';
import { type Clock, equalBytes, isAppError, type Random, type Timers, toHex } from '#runtime';
import type { Volumes } from '#targets';
import { parseRecord, type RecordKind, type RecordView } from '#wire';
import { Appender } from './appender.ts';
import { checkStructure, type StructureFinding } from './check-structure.ts';
import { IndexFolder } from './index-folder.ts';
import { closedEntries, openPacks } from './open-packs.ts';
import { type AcceptsRealm, placesOf, readHeader } from './pack-files.ts';
import type { FooterEntry } from './pack-footer.ts';
import { classOf } from './pack-header.ts';
import { PackLanes } from './pack-lanes.ts';
import { packName } from './pack-name.ts';
import { fileOf, type Pack, PackTable } from './pack-table.ts';
import { type Place, placeKey } from './place.ts';
import type { IndexHome, OpenedIndex } from './place-index.ts';
import { Places } from './places.ts';
import { type RepairReport, repairPack } from './repair-pack.ts';
import { type ScrubFinding, type ScrubOptions, scrubPacks } from './scrub.ts';
import { indexOverdue, noSuchPack, type OnNotice, placeGone, storedRecordDamaged } from './store-errors.ts';
import { claimVolumes } from './store-identity.ts';
import { defaultLimits, type StoreLimits } from './store-limits.ts';

export interface StoreOptions {
  readonly volumes: Volumes;
  /** A folder of its own for the index: a cache that may be removed while the store is closed. */
  readonly indexFolder: string;
  readonly realmId: RealmId;
  /** Realms that ours was before: their packs are ours too. */
  readonly acceptedRealmIds?: readonly RealmId[];
  readonly siteId: SiteId;
  readonly random: Random;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly onNotice?: OnNotice;
  /** For tests: another index than LMDB's. */
  readonly openIndex?: () => Promise<OpenedIndex>;
  /** For tests: smaller packs and groups. */
  readonly limits?: Partial<StoreLimits>;
}

/** A record as the packs list it. */
export interface StoredRecord extends FooterEntry {
  readonly pack: number;
}

export interface StoreStatistics {
  readonly packs: number;
  readonly records: number;
  readonly bytes: number;
  readonly pendingBytes: number;
}

/**
 * Sealed records in packs, found by (domain, id). Knows no keys: it checks checksums, not seals. One process opens it at
 * a time; its caller sees to that.
 */
export class Store {
  readonly #options: StoreOptions;
  readonly #table: PackTable;
  readonly #places: Places;
  readonly #lanes: PackLanes;
  readonly #appender: Appender;
  readonly #indexHome: IndexHome;
  readonly #acceptsRealm: AcceptsRealm;
  readonly #limits: StoreLimits;
  /** Reindex and repair move what the other builds on: one at a time. */
  #maintenance: Promise<unknown> = Promise.resolve();

  private constructor(
    options: StoreOptions,
    limits: StoreLimits,
    acceptsRealm: AcceptsRealm,
    table: PackTable,
    indexHome: IndexHome,
    places: Places,
  ) {
    const { volumes, realmId, random, timers, onNotice = () => undefined } = options;
    const onClosed = (pack: Pack) => places.cover(pack);
    const { packBytes } = limits;
    [this.#options, this.#limits, this.#acceptsRealm] = [options, limits, acceptsRealm];
    [this.#table, this.#indexHome, this.#places] = [table, indexHome, places];
    this.#lanes = new PackLanes({ volumes, table, realmId, random, packBytes, onNotice, onClosed });
    this.#appender = new Appender({ lanes: this.#lanes, timers, limits, onDurable: (found) => places.add(found) });
  }

  /**
   * Opens the store and repairs what a crash left, without questions: packs left open are closed, what was never
   * acknowledged is cut off, what the index lacks is read from the packs. Damage and losses are told by `onNotice`.
   * Throws `foreign_pack`, `foreign_store`, `pack_too_new` and the errors of volumes.
   */
  static async open(options: StoreOptions): Promise<Store> {
    const { volumes, realmId, siteId, acceptedRealmIds = [], indexFolder, onNotice = () => undefined } = options;
    const realms = new Set([realmId, ...acceptedRealmIds].map(toHex));
    const acceptsRealm = (realm: string) => realms.has(realm);
    await claimVolumes(volumes, realmId, siteId, acceptsRealm);
    try {
      return await Store.#openWith(options, acceptsRealm);
    } catch (error) {
      if (!isAppError(error, 'index_damaged')) throw error;
      const details = { cause: error.message };
      onNotice({ code: 'index_rebuilt', message: 'the index is damaged and is made anew', details });
      await IndexFolder.discard(indexFolder);
      return await Store.#openWith(options, acceptsRealm);
    }
  }

  static async #openWith(options: StoreOptions, acceptsRealm: AcceptsRealm): Promise<Store> {
    const { volumes, onNotice = () => undefined } = options;
    const limits = { ...defaultLimits, ...options.limits };
    const openIndex = options.openIndex ?? (() => IndexFolder.open(options.indexFolder, onNotice));
    const { home, index } = await openIndex();
    const table = new PackTable();
    const places = new Places(index, table, limits.recentIdsMax, onNotice);
    try {
      const store = new Store(options, limits, acceptsRealm, table, home, places);
      const { empty, torn } = await openPacks({ volumes, table, places, acceptsRealm, onNotice });
      for (const number of empty) await store.#lanes.removeWhenSafe(number, packName(number, 'open'));
      for (const number of torn) await store.#replaceTorn(number, onNotice);
      await home.opened();
      return store;
    } catch (error) {
      await index.close();
      throw error;
    }
  }

  /**
   * Takes a whole record; a view that `parseRecord` made is not checked again. Resolves when it and everything appended
   * before it is on stable storage; rejects when it is to be sent again (`volume_full`, `volume_io_error`, ...), is
   * damaged (`record_damaged`), or too much waits (`store_busy`). Its bytes belong to the store until then. Storing an
   * id twice is allowed: the later place counts.
   */
  append(record: Uint8Array | RecordView): Promise<void> {
    try {
      const view = record instanceof Uint8Array ? parseRecord(record) : record;
      const { unwrittenIds } = this.#places;
      if (unwrittenIds > unwrittenFactor * this.#limits.recentIdsMax) throw indexOverdue(unwrittenIds);
      return this.#appender.append(view);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Commits what was appended now, not when a group is full or its time is up. Settles as the last append does. */
  flush(): Promise<void> {
    return this.#appender.flush();
  }

  /** True while a record with this id is appended and not yet durable: `has` does not see it, nobody need send it. */
  isPending(domainId: DomainId, id: RecordId): boolean {
    return this.#appender.isPending(placeKey(domainId, id));
  }

  /** For each id: is it here, durably? */
  async has(domainId: DomainId, ids: readonly RecordId[]): Promise<boolean[]> {
    return (await this.locateMany(domainId, ids)).map((place) => place !== undefined);
  }

  async locate(domainId: DomainId, id: RecordId): Promise<Place | undefined> {
    const [place] = await this.locateMany(domainId, [id]);
    return place;
  }

  /** In the order of `ids`; undefined for what is not here, durably. */
  locateMany(domainId: DomainId, ids: readonly RecordId[]): Promise<(Place | undefined)[]> {
    return this.#places.lookup(ids.map((id) => placeKey(domainId, id)));
  }

  async kindOf(domainId: DomainId, id: RecordId): Promise<RecordKind | undefined> {
    return (await this.locate(domainId, id))?.kind;
  }

  /**
   * The record that holds this id, its checksum checked; undefined when it is not here. Throws `record_damaged`, which
   * names pack and offset.
   */
  async read(domainId: DomainId, id: RecordId): Promise<RecordView | undefined> {
    for (let attempt = 0; ; attempt++) {
      const place = await this.locate(domainId, id);
      if (place === undefined) return undefined;
      try {
        const record = await this.readAt(place);
        const found = record.ids[place.position];
        if (found !== undefined && equalBytes(found, id) && equalBytes(record.domainId, domainId)) return record;
        throw storedRecordDamaged(place.pack, place.offset, new Error('another record lies where the index points'));
      } catch (error) {
        // A repair may have moved the record between the two steps.
        if (attempt > 0 || !isAppError(error, 'place_gone')) throw error;
      }
    }
  }

  /** The record at a place that `locate` gave. Throws `record_damaged`, and `place_gone` when its pack was replaced. */
  async readAt(place: Pick<Place, 'pack' | 'offset' | 'length'>): Promise<RecordView> {
    const bytes = await this.#readBytes(place.pack, place.offset, place.length);
    try {
      return parseRecord(bytes);
    } catch (error) {
      throw storedRecordDamaged(place.pack, place.offset, error);
    }
  }

  /**
   * Every durable record as the packs list it, in the order they were written; of one kind only, if given. Records that a
   * repair moves meanwhile may be missed or come twice.
   */
  async *records(only?: { readonly kind: RecordKind }): AsyncGenerator<StoredRecord> {
    for (const pack of this.#table.inOrder()) {
      if (!this.#table.has(pack.number) || (only !== undefined && pack.class !== classOf(only.kind))) continue;
      for (const entry of await this.#entriesOf(pack)) yield { ...entry, pack: pack.number };
    }
  }

  /** How headers, markers, footers, index and files fit together, without reading the records. */
  checkStructure(): AsyncIterable<StructureFinding> {
    const [table, places, acceptsRealm] = [this.#table, this.#places, this.#acceptsRealm];
    const accountsFor = (name: string) => this.#lanes.accountsFor(name);
    return checkStructure({ volumes: this.#options.volumes, table, places, acceptsRealm, accountsFor });
  }

  /**
   * Reads every byte of every pack that is there now and yields all that is not as it was written. Healing and repairing
   * a pack while it is being scrubbed is fine. Throws the signal's reason.
   */
  async *scrub(options: ScrubOptions = {}): AsyncGenerator<ScrubFinding> {
    await this.#appender.turnOver();
    const packs = this.#table.inOrder().filter((pack) => {
      return pack.state !== 'growing' && (options.packs?.has(pack.number) ?? true);
    });
    const { volumes, clock, timers } = this.#options;
    const [table, places, acceptsRealm] = [this.#table, this.#places, this.#acceptsRealm];
    yield* scrubPacks({ volumes, table, places, acceptsRealm, clock, timers }, packs, options);
  }

  /**
   * Replaces a damaged pack by its good records in new packs. To heal: append good copies of what scrub calls missing,
   * then call this. Refuses (`pack_holds_lost_records`) what would lose something, unless the loss is accepted.
   */
  repairPack(number: number, options: { readonly acceptLoss?: boolean } = {}): Promise<RepairReport> {
    return this.#alone(async () => {
      const pack = this.#table.get(number);
      if (pack === undefined) throw noSuchPack(number);
      if (pack.state === 'growing') await this.#appender.turnOver();
      const context = {
        volumes: this.#options.volumes,
        table: this.#table,
        places: this.#places,
        acceptsRealm: this.#acceptsRealm,
        append: (record: RecordView) => this.#appender.append(record),
        flush: () => this.#appender.flush(),
        removeFile: (name: string, gone: number) => this.#lanes.removeWhenSafe(gone, name),
      };
      return repairPack(context, pack, options.acceptLoss ?? false);
    });
  }

  /** Makes the index anew from the packs: from footers, and by walking where there is none. The old one answers meanwhile. */
  reindex(): Promise<void> {
    return this.#alone(async () => {
      await this.#places.replaceIndex(async () => {
        // What the old index has must lie in packs that can be listed; what grows after this stays in memory.
        await this.#appender.turnOver();
        const packs = this.#table.inOrder().filter(({ state }) => state !== 'growing');
        return this.#indexHome.replace(async (index) => {
          for (const pack of packs) {
            await index.put(placesOf(pack.number, await this.#entriesOf(pack)));
            if (pack.state === 'closed') await index.cover(pack);
          }
        });
      });
      await this.#indexHome.removeOld();
    });
  }

  statistics(): StoreStatistics {
    const packs = this.#table.inOrder();
    const sum = (count: (pack: Pack) => number) => packs.reduce((total, pack) => total + count(pack), 0);
    const [records, bytes] = [sum((pack) => pack.records), sum((pack) => pack.bytes)];
    return { packs: packs.length, records, bytes, pendingBytes: this.#appender.pendingBytes };
  }

  /** Commits what was appended, closes the packs that grow and the index. The volumes stay open: they are the caller's. */
  async close(): Promise<void> {
    await this.#maintenance;
    await this.#appender.close();
    await this.#places.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What was torn before it was acknowledged is no damage: its pack goes, and what is good in it comes into a new one. */
  async #replaceTorn(number: number, onNotice: OnNotice): Promise<void> {
    try {
      const { copiedRecords } = await this.repairPack(number, { acceptLoss: true });
      const message = `the end of pack ${number} was torn before it was acknowledged; its ${copiedRecords} good records are in a new pack`;
      onNotice({ code: 'pack_tail_torn', message, details: { pack: number, copiedRecords } });
    } catch (error) {
      if (!isAppError(error)) throw error;
      const message = `pack ${number}, whose end was torn, could not be replaced; its records are there, the next start tries again`;
      onNotice({ code: 'pack_left_open', message, details: { pack: number, cause: error.message } });
    }
  }

  async #entriesOf(pack: Pack): Promise<readonly FooterEntry[]> {
    const growing = this.#lanes.growing(pack.number);
    if (growing !== undefined) return growing.durableEntries();
    const { volumes } = this.#options;
    const header = await readHeader(volumes, fileOf(pack), this.#acceptsRealm);
    return (await closedEntries(volumes, fileOf(pack), pack.bytes, header)).entries;
  }

  async #readBytes(number: number, offset: number, length: number): Promise<Uint8Array> {
    for (let attempt = 0; ; attempt++) {
      const pack = this.#table.get(number);
      if (pack === undefined) throw placeGone(number);
      // A pack may be closed between the two lines: it has its final name then, though the table does not say so yet.
      const name = attempt === 0 ? fileOf(pack) : packName(number, 'pack');
      try {
        return await this.#options.volumes.readAt(name, offset, length);
      } catch (error) {
        if (isAppError(error, 'volume_io_error')) throw storedRecordDamaged(number, offset, error);
        if (!isAppError(error, 'volume_gone') || (attempt > 0 && this.#table.has(number))) throw error;
      }
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#maintenance.then(work);
    this.#maintenance = result.catch(() => undefined);
    return result;
  }
}

/** Times `recentIdsMax`: two million ids, some 600 MB of memory, while the index cannot be written. */
const unwrittenFactor = 64;
