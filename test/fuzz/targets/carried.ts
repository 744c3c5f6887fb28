import { decodeLabel, decodeManifest, signLabel, signManifest } from '#replication';
import { bytesTarget, type Target } from '../target.ts';
import type { World } from '../world.ts';

/** What a disk says that anybody may have had in his hands: decoded before its signature can be judged. */
export function carriedTargets({ identity, keyring, domainId, snapshotId }: World): Target<Uint8Array>[] {
  const label = {
    realmId: keyring.realmId,
    exporterSiteId: identity.siteId,
    addresseeSiteId: identity.siteId,
    diskId: new Uint8Array(16).fill(4),
  };
  const sha256 = new Uint8Array(32).fill(5);
  const manifest = {
    label,
    writtenSeconds: 1_700_000_000,
    edition: 3,
    snapshots: [{ snapshotId, datasetId: new Uint8Array(16).fill(6) as never, domainId }],
    packs: [0, 1, 7].map((number) => ({ number, bytes: 65_000_000, sha256 })),
    catalogBytes: 4096,
    catalogSha256: sha256,
  };
  const allocatedMax = (bytes: Uint8Array) => 65_536 + 64 * bytes.length;
  return [
    bytesTarget({
      name: 'manifest of a carried disk',
      protobuf: true,
      seeds: [signManifest(manifest, identity)],
      run: (bytes) => void decodeManifest(bytes).isSignedBy(identity.key.publicKey),
      allocatedMax,
    }),
    bytesTarget({
      name: 'label of a carried disk',
      protobuf: true,
      seeds: [signLabel(label, identity)],
      run: (bytes) => void decodeLabel(bytes).isSignedBy(identity.key.publicKey),
      allocatedMax,
    }),
  ];
}
