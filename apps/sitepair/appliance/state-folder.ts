import { chmodSync, existsSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { closeFd, lockFile } from '#posix';
import { AppError, isAppError, isAsWritten, makeFolderDurably, readingState, syncFolder, systemCode } from '#runtime';
import { agentFilePath } from './agent-file-path.ts';
import { writeStateFile } from './state-file.ts';

/** Where everything of an appliance lies. Written down in docs/state-folder.md. */
export interface StatePaths {
  readonly root: string;
  readonly lock: string;
  /** Written last by init: a state folder without it is half-made. */
  readonly site: string;
  readonly secret: string;
  readonly packs: string;
  readonly sealedKeyring: string;
  readonly index: string;
  readonly catalog: string;
}

/** What an appliance is called; not secret. */
export interface SiteFile {
  readonly format: 1;
  readonly name: string;
  readonly address: string;
}

export function statePaths(root: string): StatePaths {
  return {
    root,
    lock: join(root, 'lock'),
    site: join(root, 'site.json'),
    secret: join(root, 'secret'),
    packs: join(root, 'packs'),
    sealedKeyring: join(root, 'packs', 'keyring.sealed'),
    index: join(root, 'index'),
    catalog: join(root, 'catalog'),
  };
}

/** Makes the folders of a new state; refuses one that holds anything. */
export function createStateFolder(root: string): StatePaths {
  const paths = statePaths(root);
  if (existsSync(paths.site)) {
    throw new AppError(`${root} is a site already`, {
      code: 'state_exists',
      advice: 'Choose another --state folder, or use the site that is there ("sitepair status").',
    });
  }
  if (existsSync(root) && !statSync(root).isDirectory()) throw noFolder(root);
  if (existsSync(root) && readdirSync(root).length > 0) throw halfMade(root);
  // What lies above a folder that is there already is none of ours, and may be closed to us.
  if (!existsSync(root)) makeFolderDurably(root);
  for (const folder of [paths.secret, paths.packs, paths.index, paths.catalog]) makeFolderDurably(folder);
  chmodSync(root, 0o700);
  return paths;
}

/** The last step of making a state: from now on it is a site. */
export function finishStateFolder(paths: StatePaths, site: SiteFile): void {
  writeStateFile(paths.site, { name: site.name, address: site.address });
}

/**
 * Makes durable what a process that was killed had renamed and not synced: who reads a keyring seals under it, and a power
 * cut must not bring back the one before.
 */
export function settleStateFolder(paths: StatePaths): void {
  for (const folder of [paths.secret, paths.root]) syncFolder(folder);
}

/** Takes back what createStateFolder and the steps after it made: a failed init or rebuild leaves an empty folder. */
export function removeHalfMadeState(paths: StatePaths): void {
  // The site file first: its last sync may be what failed, and nobody was told of the site.
  const files = [paths.site, `${paths.site}.new`, paths.secret, paths.packs, paths.index, paths.catalog, paths.lock];
  for (const made of files) rmSync(made, { recursive: true, force: true });
}

/** Reads what a state folder says it is. Throws `state_missing`, `state_half_initialised`, `state_too_new`, `state_forbidden`. */
export function readSiteFile(root: string): SiteFile {
  const paths = statePaths(root);
  try {
    const site: unknown = JSON.parse(readingState(paths.site, () => readFileSync(paths.site, 'utf8')));
    if (isSiteFile(site)) return site;
  } catch (error) {
    if (isAppError(error)) throw error;
    if (systemCode(error) === 'EACCES') throw forbidden(root, error);
    if (systemCode(error) === 'ENOTDIR') throw noFolder(root);
    if (systemCode(error) !== 'ENOENT') throw damaged(paths.site, error);
    if (existsSync(root) && readdirSync(root).length > 0) throw halfMade(root);
    throw new AppError(`there is no site in ${root}`, {
      code: 'state_missing',
      advice: 'Make one with "sitepair init --site NAME", or name the right folder with --state.',
    });
  }
  throw damaged(paths.site);
}

/** Takes the state for this process. The lock goes with the process, however it ends. Throws `state_in_use`, `state_not_writable`. */
export function lockState(root: string): { [Symbol.dispose](): void } {
  const fd = openLock(root);
  if (!lockFile(fd)) {
    closeFd(fd);
    throw new AppError(`another process uses ${root}`, {
      code: 'state_in_use',
      retryable: true,
      advice: 'Wait until it has ended, or stop the running "sitepair serve" first.',
    });
  }
  return { [Symbol.dispose]: () => closeFd(fd) };
}

function openLock(root: string): number {
  try {
    return openSync(statePaths(root).lock, 'a', 0o600);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === 'EACCES' || code === 'EPERM') throw forbidden(root, cause);
    if (code === undefined || code === 'ENOENT') throw cause;
    throw new AppError(`nothing can be written to ${root} now (${code})`, {
      code: 'state_not_writable',
      advice: 'Look at its file system: it is read-only, full, or failing; or this process may open too few files.',
      cause,
    });
  }
}

/** The owner of a state folder: who the appliance runs as. */
export function stateOwner(root: string): { readonly uid: number; readonly gid: number } {
  const { uid, gid } = statSync(root);
  return { uid, gid };
}

function isSiteFile(value: unknown): value is SiteFile {
  if (typeof value !== 'object' || value === null) return false;
  const { format, name, address } = value as Record<string, unknown>;
  if (typeof format === 'number' && format > 1) {
    throw new AppError(`this state folder has format ${format}, which is newer than this version`, {
      code: 'state_too_new',
      advice: 'Install the version of Sitepair that wrote it, or a later one.',
    });
  }
  const isWhole = format === 1 && typeof name === 'string' && typeof address === 'string';
  return isWhole && isAsWritten(value as Record<string, unknown>);
}

function noFolder(root: string): AppError {
  return new AppError(`${root} is a file, or lies below one: a state is a folder`, {
    code: 'state_no_folder',
    advice: 'Name a folder with --state.',
  });
}

function halfMade(root: string): AppError {
  if (existsSync(agentFilePath(root)))
    return new AppError(`${root} is the state of an agent, not of an appliance`, {
      code: 'not_an_appliance',
      advice: 'Run this at the appliance, or choose another --state folder for a site of its own.',
    });
  return new AppError(`${root} is not empty, and no finished site is in it`, {
    code: 'state_half_initialised',
    advice:
      'If an init or rebuild was interrupted here, remove the folder and run it again; otherwise choose another --state folder.',
  });
}

function forbidden(root: string, cause: unknown): AppError {
  return new AppError(`you may not read ${root}`, {
    code: 'state_forbidden',
    advice: 'Run the command as root or as the user that owns the state folder.',
    cause,
  });
}

function damaged(file: string, cause?: unknown): AppError {
  return new AppError(`${file} is damaged`, {
    code: 'state_damaged',
    advice:
      'Restore this file from a copy of the state folder, or rebuild the site from a peer ("sitepair rebuild --help").',
    cause,
  });
}
