import { join } from 'node:path';
import { equalBytes, isAppError } from '#runtime';
import { type GrowingFile, volumeGone } from '#targets';
import { FolderVolumes } from '#targets/folder';
import type { Scenario } from './scenario.ts';

const folderOf = (root: string) => join(root, 'a', 'b', 'packs');

function bytesOf(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7 + (i >> 8)) & 0xff || 1);
}

/** Every promise of the Volumes port by itself: what is durable when a call resolves, whatever comes after. */
export const volumesScenario: Scenario = {
  name: 'volumes',
  async run(root, tell) {
    const volumes = await FolderVolumes.open(folderOf(root));
    tell('opened');
    const done = async (word: string, work: () => Promise<void>) => {
      tell(`doing ${word}`);
      await work();
      tell(word);
    };
    for (let i = 0; i < 6; i++) {
      const name = `00000${i % 2}/${i}`;
      tell(`doing create ${name}`);
      const file: GrowingFile = await volumes.create(name);
      tell(`create ${name}`);
      await file.append([bytesOf(i, 700), bytesOf(i + 1, 5000)]);
      await done(`sync ${name} ${i} 5700`, () => file.datasync());
      await file.append([bytesOf(i, 3000)]);
      await file.close();
      if (i === 2) {
        tell(`doing reopen ${name}`);
        const again = await volumes.reopen(name, 5000);
        tell(`reopen ${name} ${i} 5000`);
        await again.append([bytesOf(9, 2000)]);
        await again.close();
      }
      if (i % 3 === 0) await done(`rename ${name} ${name}.pack`, () => volumes.rename(name, `${name}.pack`));
      if (i === 1 || i === 4) await done(`remove ${name}`, () => volumes.remove(name));
      await done(`small ${i}`, () => volumes.writeSmall('small', bytesOf(i, 900)));
    }
    await volumes.close();
  },

  async verify(root, words) {
    if (!words.includes('opened')) return [];
    const problems: string[] = [];
    const volumes = await FolderVolumes.open(folderOf(root));
    const names = new Set((await volumes.list()).map(({ name }) => name));
    const doing = words.at(-1)?.startsWith('doing ') ? (words.at(-1)?.slice(6).split(' ') ?? []) : [];
    const where = new Map<string, string | undefined>();
    for (const word of words) {
      const [what = '', name = '', second = ''] = word.split(' ');
      if (what === 'create') where.set(name, name);
      if (what === 'rename') where.set(name, second);
      if (what === 'remove') where.set(name, undefined);
    }
    const open = (name: string) => doing.includes(name) && (doing[0] === 'rename' || doing[0] === 'remove');
    for (const [name, now] of where) {
      if (open(name)) {
        const either = doing[0] === 'remove' || names.has(name) || names.has(`${name}.pack`);
        if (!either) problems.push(`${name} has neither of its names`);
      } else if (now === undefined) {
        if (names.has(name)) problems.push(`${name} was removed and is there`);
      } else if (!names.has(now)) problems.push(`${now} is gone`);
      else if (now !== name && names.has(name)) problems.push(`${name} was renamed and is there`);
    }
    for (const word of words) {
      const [what = '', name = '', seed = '', length = ''] = word.split(' ');
      if (what !== 'sync' && what !== 'reopen') continue;
      // A file that is reopened is cut at once.
      const cut = words.includes(`doing reopen ${name}`) ? 5000 : Number(length);
      const now = open(name) ? [name, `${name}.pack`].find((one) => names.has(one)) : where.get(name);
      if (now === undefined || !names.has(now)) continue;
      const whole = Buffer.concat([bytesOf(Number(seed), 700), bytesOf(Number(seed) + 1, 5000)]).subarray(0, cut);
      const found = await volumes.readAt(now, 0, cut);
      if (!equalBytes(found, whole)) problems.push(`${word}: its content is another`);
    }
    const small = words.findLast((word) => word.startsWith('small '))?.slice(6);
    const content = await volumes.readSmall('small').catch((error) => {
      throw isAppError(error) ? error : volumeGone('read small', error);
    });
    const allowed = [small, doing[0] === 'small' ? doing[1] : small].map((seed) =>
      seed === undefined ? undefined : bytesOf(Number(seed), 900),
    );
    const fits = allowed.some((one) =>
      one === undefined ? content === undefined : content !== undefined && equalBytes(content, one),
    );
    if (!fits) problems.push(`small ${small}: its content is another`);
    await volumes.close();
    return problems;
  },
};
