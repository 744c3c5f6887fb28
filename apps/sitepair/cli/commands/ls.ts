import { type Entry, EntryKind, EntryState } from '#model';
import { overMux } from '../../client/appliance-gone.ts';
import { parseRestorePoint } from '../../client/restore-point.ts';
import type { SitepairCommand } from '../command.ts';
import { formatTime } from '../format.ts';
import type { Invocation } from '../invocation.ts';
import { printable } from '../printable.ts';

const kinds: Readonly<Record<EntryKind, { readonly letter: string; readonly name: string }>> = {
  [EntryKind.file]: { letter: '-', name: 'file' },
  [EntryKind.directory]: { letter: 'd', name: 'directory' },
  [EntryKind.symlink]: { letter: 'l', name: 'symlink' },
  [EntryKind.fifo]: { letter: 'p', name: 'fifo' },
  [EntryKind.characterDevice]: { letter: 'c', name: 'character_device' },
  [EntryKind.blockDevice]: { letter: 'b', name: 'block_device' },
  [EntryKind.socket]: { letter: 's', name: 'socket' },
};

const states: Readonly<Record<EntryState, { readonly mark: string; readonly name: string }>> = {
  [EntryState.good]: { mark: '', name: 'good' },
  [EntryState.changedWhileRead]: { mark: '  (changed while it was read)', name: 'changed_while_read' },
  [EntryState.unreadable]: { mark: '  (could not be read)', name: 'unreadable' },
};

export function addLs(program: SitepairCommand, invocation: Invocation): void {
  program
    .command('ls')
    .summary('what is in a snapshot')
    .description('Lists what a snapshot has at a path: the content of a folder, or the one file.')
    .argument(
      '<snapshot>',
      '[SITE/]DATASET@latest, [SITE/]DATASET@TIME or an id; a path in it may follow: SNAPSHOT:PATH',
    )
    .argument('[path]', 'the same path, as an argument of its own')
    .option('--from <peer>', 'fetch what this site lacks from this peer only')
    .teach(
      [
        { run: 'sitepair ls home@latest', what: 'the top of the snapshot' },
        {
          run: 'sitepair ls north/home@2026-01-31T08:00:/home/ada',
          what: "one folder of it, of another site's dataset",
        },
        { run: "sitepair ls home@latest /home/ada --json | jq -r '.[].name'", what: 'names only' },
      ],
      [
        'A path that begins with / is one of the machine that was backed up; another begins at the top of the snapshot.',
      ],
    )
    .action(async (text: string, path: string | undefined, { from }: { from?: string }) => {
      const point = parseRestorePoint(text);
      const { listPath } = await import('../../client/list-path.ts');
      await using appliance = await invocation.connect();
      await overMux(async () => {
        const entries = listPath(appliance, { ...point, path: path ?? point.path }, from);
        if (invocation.json) invocation.print((await Array.fromAsync(entries)).map(entryJson), () => '');
        else for await (const entry of entries) invocation.terminal.out(`${entryLine(entry)}\n`);
      });
    });
}

function entryJson(entry: Entry) {
  return {
    name: Buffer.from(entry.name).toString(),
    kind: kinds[entry.kind].name,
    mode: (entry.mode & 0o7777).toString(8).padStart(4, '0'),
    uid: entry.uid,
    gid: entry.gid,
    user: Buffer.from(entry.user).toString(),
    group: Buffer.from(entry.group).toString(),
    size: entry.size,
    modifiedAt: modifiedAt(entry),
    linkTarget: Buffer.from(entry.linkTarget).toString(),
    state: states[entry.state].name,
  };
}

/** As `ls -l` shows it. */
function entryLine(entry: Entry): string {
  const target = entry.kind === EntryKind.symlink ? ` -> ${printable(entry.linkTarget)}` : '';
  return [
    `${kinds[entry.kind].letter}${modeText(entry.mode)}`,
    ownerText(entry.user, entry.uid).padEnd(8),
    ownerText(entry.group, entry.gid).padEnd(8),
    String(entry.size).padStart(12),
    formatTime(modifiedAt(entry)),
    `${printable(entry.name)}${target}${states[entry.state].mark}`,
  ].join(' ');
}

function modifiedAt(entry: Entry): string {
  return new Date(entry.modifiedSeconds * 1000 + Math.floor(entry.modifiedNanos / 1e6)).toISOString();
}

function ownerText(name: Uint8Array, id: number): string {
  return name.length > 0 ? printable(name) : String(id);
}

/** "rwxr-xr-x", with s and t for the set-id and sticky bits. */
function modeText(mode: number): string {
  const special = [mode & 0o4000 ? 's' : '', mode & 0o2000 ? 's' : '', mode & 0o1000 ? 't' : ''];
  return special
    .map((letter, i) => {
      const bits = (mode >> (6 - 3 * i)) & 7;
      const runs = bits & 1;
      const last = letter === '' ? (runs ? 'x' : '-') : runs ? letter : letter.toUpperCase();
      return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
    })
    .join('');
}
