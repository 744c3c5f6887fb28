import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { AppError } from '#runtime';

const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What `sitepair serve` runs with. */
export interface ServeSettings {
  /** HOST:PORT for peers; undefined: this site dials and is not dialled. */
  readonly listen: string | undefined;
  readonly logLevel: LogLevel;
}

/** Reads the configuration file, if there is one; what the command line says goes before it. Throws `config_invalid`. */
export function readServeSettings(configFile: string | undefined, listen: string | undefined): ServeSettings {
  const {
    listen: configured,
    log_level: logLevel = 'info',
    ...unknown
  } = configFile === undefined ? {} : readToml(configFile);
  const [name] = Object.keys(unknown);
  if (name !== undefined) throw invalid(configFile, `it sets "${name}", which is no setting`);
  if (configured !== undefined && typeof configured !== 'string')
    throw invalid(configFile, '"listen" must be a text: HOST:PORT');
  const level = logLevels.find((one) => one === logLevel);
  if (level === undefined) throw invalid(configFile, `"log_level" must be one of ${logLevels.join(', ')}`);
  return { listen: listen ?? (configured === '' ? undefined : configured), logLevel: level };
}

function readToml(configFile: string): Record<string, unknown> {
  try {
    return parse(readFileSync(configFile, 'utf8'));
  } catch (cause) {
    throw invalid(configFile, 'it cannot be read as TOML', cause);
  }
}

function invalid(configFile: string | undefined, why: string, cause?: unknown): AppError {
  return new AppError(`the configuration ${configFile ?? ''} is not valid: ${why}`, {
    code: 'config_invalid',
    advice: 'Correct the file; the annotated default configuration shows every setting.',
    cause,
  });
}
