import { type SiteIdentity, sign, verify } from '#keys';
import { concatBytes } from '#runtime';
import type { Volumes } from '#targets';
import { journalFile } from './carried-folder.ts';
import type { CarriedPack } from './carried-manifest.ts';

const entryBytes = 112;
const signedBytes = 48;
const purpose = 'carried pack';

/**
 * The packs of a disk that were read back and found good, on the disk itself. Signed, so that an exporter who goes on
 * with a disk that lay about does not vouch for what somebody else wrote there.
 */
export class CarriedJournal {
  readonly #volumes: Volumes;
  readonly #identity: SiteIdentity;
  readonly #diskId: Uint8Array;
  /** With the bytes that say so: signing thousands anew for each entry would take minutes. */
  readonly #packs = new Map<number, { readonly pack: CarriedPack; readonly entry: Uint8Array }>();

  private constructor(volumes: Volumes, identity: SiteIdentity, diskId: Uint8Array) {
    [this.#volumes, this.#identity, this.#diskId] = [volumes, identity, diskId];
  }

  static async open(volumes: Volumes, identity: SiteIdentity, diskId: Uint8Array): Promise<CarriedJournal> {
    const journal = new CarriedJournal(volumes, identity, diskId);
    const bytes = (await volumes.readSmall(journalFile)) ?? new Uint8Array(0);
    for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) journal.#read(bytes.slice(at, at + entryBytes));
    return journal;
  }

  /** What the journal says of a pack, if that still has the size. */
  find(number: number, bytes: number): CarriedPack | undefined {
    const pack = this.#packs.get(number)?.pack;
    return pack?.bytes === bytes ? pack : undefined;
  }

  /** Adds packs durably. Replaced as a whole: 112 bytes for each 64 MiB. */
  async add(packs: readonly CarriedPack[]): Promise<void> {
    for (const pack of packs) this.#packs.set(pack.number, { pack, entry: this.#entry(pack) });
    await this.#volumes.writeSmall(journalFile, concatBytes([...this.#packs.values()].map(({ entry }) => entry)));
  }

  #entry({ number, bytes, sha256 }: CarriedPack): Uint8Array {
    const said = Buffer.alloc(signedBytes);
    said.writeBigUInt64LE(BigInt(number), 0);
    said.writeBigUInt64LE(BigInt(bytes), 8);
    said.set(sha256, 16);
    return concatBytes([said, sign(this.#identity.key, purpose, concatBytes([this.#diskId, said]))]);
  }

  #read(entry: Uint8Array): void {
    const [said, signature] = [entry.subarray(0, signedBytes), entry.subarray(signedBytes)];
    if (!verify(this.#identity.key.publicKey, purpose, concatBytes([this.#diskId, said]), signature)) return;
    const view = Buffer.from(said);
    const [number, bytes] = [Number(view.readBigUInt64LE(0)), Number(view.readBigUInt64LE(8))];
    this.#packs.set(number, { pack: { number, bytes, sha256: said.slice(16) }, entry });
  }
}
