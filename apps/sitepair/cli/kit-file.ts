import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError, syncFolder, systemCode } from '#runtime';

/** The file that a recovery kit is to go into: made before the kit, so that no kit is made that cannot be kept. */
export class KitFile {
  readonly path: string;
  readonly #fd: number;

  /** Creates the file for its owner only (mode 0600). Throws `kit_file_exists`, `kit_file_failed`. */
  constructor(path: string) {
    this.path = path;
    try {
      this.#fd = openSync(path, 'wx', 0o600);
    } catch (error) {
      if (systemCode(error) === 'EEXIST') throw exists(path);
      throw failed(path, error);
    }
  }

  /** Writes the kit; it is on stable storage when this returns. */
  write(kitText: string): void {
    try {
      const bytes = Buffer.from(kitText);
      // A disk that is about full takes a part and says so only when it is asked again.
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
      fsyncSync(this.#fd);
      closeSync(this.#fd);
      syncFolder(dirname(this.path));
    } catch (cause) {
      throw new AppError(`the recovery kit was made, but could not be written to ${this.path}`, {
        code: 'kit_file_failed',
        advice: 'Make another one where there is room: sitepair key kit --kit FILE.',
        cause,
      });
    }
  }

  /** No kit came: the empty file goes. */
  discard(): void {
    closeSync(this.#fd);
    rmSync(this.path, { force: true });
  }
}

/** Reads a kit file. */
export function readKitFile(path: string): string {
  return readNamedFile(path, 'the recovery kit', 'kit_file_unreadable');
}

/** The first line of a passphrase file; undefined when no file was named. */
export function readPassphrase(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const passphrase = readNamedFile(path, 'the passphrase', 'passphrase_file_unreadable').split(/\r?\n/, 1)[0] ?? '';
  if (passphrase !== '') return passphrase;
  throw new AppError(`the first line of ${path} is empty`, {
    code: 'passphrase_file_empty',
    advice: 'Write the passphrase into the first line, or leave --passphrase-file out.',
  });
}

function readNamedFile(path: string, what: string, code: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new AppError(`${what} cannot be read from ${path}`, {
      code,
      advice: 'Check the path, and that this user may read the file.',
      cause,
    });
  }
}

function exists(path: string): AppError {
  return new AppError(`${path} exists already, and a recovery kit overwrites nothing`, {
    code: 'kit_file_exists',
    advice: 'Name another file with --kit.',
  });
}

function failed(path: string, cause: unknown): AppError {
  return new AppError(`the recovery kit cannot be written to ${path}`, {
    code: 'kit_file_failed',
    advice: 'Name a file with --kit that this user may create.',
    cause,
  });
}
