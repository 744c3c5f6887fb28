import { AppError } from '#runtime';

/** The folder holds something that no export of this pair has put there. */
export function carriedFolderForeign(folder: string, what: string): AppError {
  return new AppError(`${folder} is not for this export: ${what}`, {
    code: 'carried_folder_foreign',
    advice: 'Choose an empty folder, or the one in which an export to the same peer was begun.',
  });
}

/** No room for even the smallest part. */
export function carriedDiskFull(folder: string, leftBytes: number, cause?: unknown): AppError {
  return new AppError(`${folder} is full: ${leftBytes} bytes are still to be written`, {
    code: 'carried_disk_full',
    advice: 'Free space there and run the same command again, or name a folder on another disk.',
    details: { leftBytes },
    cause,
  });
}

/** There is nothing to import, or not yet. */
export function carriedUnfinished(folder: string): AppError {
  return new AppError(`${folder} holds no finished export`, {
    code: 'carried_unfinished',
    advice:
      'Check that the disk is mounted there. If the export was interrupted, run it again at the site that wrote it, with the same folder.',
  });
}

/** Bytes on the disk are not what the exporter signed. */
export function carriedAltered(what: string, cause?: unknown): AppError {
  return new AppError(`the disk is not as it was written: ${what}`, {
    code: 'carried_altered',
    advice:
      'Nothing was taken from the part that was altered. Ask the site that wrote the disk whether it is theirs and unhurt; let the link bring what is missing, or have it exported again.',
    cause,
  });
}

/** A disk of another realm or for another site. */
export function carriedMisdirected(what: string): AppError {
  return new AppError(`this disk is not for this site: ${what}`, {
    code: 'carried_misdirected',
    advice: 'Nothing was taken. Look for the right disk, or carry this one to the site that it was written for.',
  });
}

/** Written by nobody that this site trusts. */
export function carriedStranger(what: string): AppError {
  return new AppError(`the disk was not written by a peer: ${what}`, {
    code: 'carried_stranger',
    advice: 'Nothing was taken. Import only disks of sites that this one is paired with ("sitepair pair list").',
  });
}

/** Written by a later version. */
export function carriedTooNew(format: number): AppError {
  return new AppError(`the disk has format ${format}, which is newer than this version`, {
    code: 'carried_too_new',
    advice: 'Install the version of Sitepair that wrote it, or a later one.',
  });
}

/** The appliance may not use the folder. */
export function carriedForbidden(folder: string, cause: unknown): AppError {
  return new AppError(`the appliance may not use ${folder}`, {
    code: 'carried_forbidden',
    advice:
      'Give the folder to the user that "sitepair serve" runs as (chown), and let its service reach it: systemd hides /home and needs ReadWritePaths for a disk.',
    cause,
  });
}
