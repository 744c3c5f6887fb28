import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kitIdsOfSealedKeyring, openKit, parseKit } from '#keys';
import { toHex } from '#runtime';
import type { TestSite } from '../kit/test-site.ts';

export function makeTree(folder: string, name: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, 'deep', 'er'), { recursive: true });
  for (let i = 0; i < 30; i++)
    writeFileSync(join(path, i % 2 ? 'deep' : '', `file-${i}`), `${name} ${i}`.repeat(i * 50));
  return path;
}

export function contentsOf(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    names.map((entry) => [
      join(entry.parentPath, entry.name).slice(folder.length),
      readFileSync(join(entry.parentPath, entry.name), 'utf8'),
    ]),
  );
}

/** True when this kit opens the keyring that lies beside the site's packs. */
export async function opensKeyring(site: TestSite, kitFile: string): Promise<boolean> {
  const kit = await openKit(parseKit(readFileSync(kitFile, 'utf8')));
  const ids = kitIdsOfSealedKeyring(readFileSync(join(site.state, 'packs', 'keyring.sealed')));
  return ids.some((id) => toHex(id) === toHex(kit.kitId));
}
