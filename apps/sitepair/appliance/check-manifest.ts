import type { Manifest } from '#model';
import type { UploadTarget } from '#replication';
import { AppError, equalBytes } from '#runtime';

/** The end of the year 9999: times beyond have no date that people and JSON could read. */
const secondsMax = 253_402_300_799;
/** As long as a host's name may be. */
const hostMax = 255;

/**
 * Checks what the log is to keep of a manifest: that it is of the upload's own dataset, and that its figures are ones that
 * every reader of the catalog can show. Clients of other machines may say anything. Throws `manifest_refused`.
 */
export function checkManifest(manifest: Manifest, target: Pick<UploadTarget, 'siteId' | 'datasetId'>): void {
  const { siteId, datasetId, host, totals } = manifest;
  if (!equalBytes(siteId, target.siteId) || !equalBytes(datasetId, target.datasetId))
    throw refused("it is another dataset's");
  if (host.length > hostMax) throw refused("its host's name is too long");
  const times = [
    [manifest.startedSeconds, manifest.startedNanos],
    [manifest.finishedSeconds, manifest.finishedNanos],
  ] as const;
  if (!times.every(([seconds, nanos]) => isCount(seconds, secondsMax) && isCount(nanos, 999_999_999)))
    throw refused('its time is no time');
  const { files, directories, others, contentBytes, changedWhileRead, unreadable } = totals ?? {};
  const counts = [files, directories, others, contentBytes, changedWhileRead, unreadable];
  if (!counts.every((count) => isCount(count, Number.MAX_SAFE_INTEGER))) throw refused('its totals are no numbers');
}

function isCount(value: number | undefined, max: number): boolean {
  return value !== undefined && Number.isSafeInteger(value) && value >= 0 && value <= max;
}

function refused(why: string): AppError {
  return new AppError(`the upload's manifest is refused: ${why}`, {
    code: 'manifest_refused',
    advice: 'Check that client and appliance run the same version (--version), and that their clocks are right.',
  });
}
