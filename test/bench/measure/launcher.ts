import { join } from 'node:path';

const repository = join(import.meta.dirname, '..', '..', '..');

/** The command line as people call it. */
export const launcher = join(repository, 'apps', 'sitepair', 'sitepair');

/** Lets the appliances of a bench, which are started without the launcher, find compiled code where it keeps it. */
export function shareCompiledCode(): void {
  process.env.NODE_COMPILE_CACHE ??= join(repository, 'node_modules', '.cache', 'compiled');
}
