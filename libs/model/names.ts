import { AppError } from '#runtime';

const namePattern = /^[A-Za-z0-9._-]{1,64}$/;

/** Checks the name of a site or dataset (DESIGN of names: letters, digits, `.`, `_`, `-`, at most 64); returns it. */
export function checkedName(what: 'site' | 'dataset' | 'agent', name: string): string {
  if (namePattern.test(name) && name !== '.' && name !== '..') return name;
  throw new AppError(`"${name.slice(0, 80)}" cannot be a ${what}'s name`, {
    code: 'bad_name',
    advice: 'Use 1 to 64 letters, digits, dots, underscores and hyphens.',
  });
}

/** How people name a snapshot: `[SITE/]DATASET@latest`, `[SITE/]DATASET@TIME`, or a prefix of its id; a path may follow. */
export type SnapshotReference =
  | { readonly by: 'dataset'; readonly site: string | undefined; readonly dataset: string; readonly at: string }
  | { readonly by: 'id'; readonly prefix: string };

/** Parses a snapshot reference; `DATASET` alone means `@latest` when `bareDatasetIsLatest`. */
export function parseSnapshotReference(text: string, bareDatasetIsLatest = false): SnapshotReference {
  const at = text.indexOf('@');
  if (at < 0 && !bareDatasetIsLatest && /^[0-9a-f]{6,40}$/.test(text)) return { by: 'id', prefix: text };
  const [full, moment] = at < 0 ? [text, 'latest'] : [text.slice(0, at), text.slice(at + 1)];
  const slash = full.indexOf('/');
  const [site, dataset] = slash < 0 ? [undefined, full] : [full.slice(0, slash), full.slice(slash + 1)];
  if ((at < 0 && !bareDatasetIsLatest) || moment === '') {
    throw new AppError(`"${text.slice(0, 120)}" names no snapshot`, {
      code: 'bad_snapshot_reference',
      advice:
        'Write DATASET@latest, SITE/DATASET@latest, DATASET@2026-01-31T08:00, or at least 6 digits of a snapshot id.',
    });
  }
  if (site !== undefined) checkedName('site', site);
  return { by: 'dataset', site, dataset: checkedName('dataset', dataset), at: moment };
}
