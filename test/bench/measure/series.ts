import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { say } from './report.ts';

/** A tree in two versions, one after the other at the same place. */
export interface Series {
  readonly name: string;
  /** Its update should be at most so much of rsync's. */
  readonly updateGoal: number;
  /** Makes the first version below `folder`, which is empty. */
  first(folder: string): void;
  /** Makes the second of the first. */
  second(folder: string): void;
}

/** Downloaded once, for all runs. */
const packageCache = join(tmpdir(), 'sitepair-bench-packages');
const downloadMs = 60_000;

/** An npm package, as its registry gives it; undefined when it cannot be had. What did not change keeps its times. */
export function packageSeries(name: string, older: string, newer: string): Series | undefined {
  const [before, after] = [unpacked(name, older), unpacked(name, newer)];
  if (before === undefined || after === undefined) return undefined;
  return {
    name: `${name} ${older} to ${newer}`,
    updateGoal: 0.4,
    first: (folder) => cpSync(before, folder, { recursive: true, preserveTimestamps: true }),
    second: (folder) => {
      for (const path of filesBelow(folder)) if (!existsSync(join(after, path))) rmSync(join(folder, path));
      for (const path of filesBelow(after)) {
        const [is, was] = [join(after, path), join(folder, path)];
        if (existsSync(was) && readFileSync(is).equals(readFileSync(was))) continue;
        mkdirSync(dirname(was), { recursive: true });
        writeFileSync(was, readFileSync(is));
      }
    },
  };
}

function unpacked(name: string, version: string): string | undefined {
  const folder = join(packageCache, `${name}-${version}`);
  if (existsSync(folder)) return join(folder, 'package');
  mkdirSync(packageCache, { recursive: true });
  const options = { cwd: packageCache, encoding: 'utf8', timeout: downloadMs } as const;
  const packed = spawnSync('npm', ['pack', '--silent', `${name}@${version}`], options);
  if (packed.status !== 0) {
    say(`skipped: ${name}@${version} cannot be downloaded`);
    return undefined;
  }
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part);
  execFileSync('tar', ['xzf', packed.stdout.trim(), '-C', part], { cwd: packageCache });
  renameSync(part, folder);
  return join(folder, 'package');
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

const words =
  'the of line and to site in copy is was that for disk it with as his on be at by peer had tape not are but from or have'.split(
    ' ',
  );

/** Text that is always the same for the same seed: words, numbers and a name of random letters. */
function text(seed: string, length: number): string {
  const random = createHash('shake128', { outputLength: length }).update(seed).digest();
  let out = '';
  for (let at = 0; out.length < length; at += 3) {
    const word = words[(random[at] ?? 0) % words.length];
    out += (random[at + 1] ?? 0) < 40 ? `${word} ${random.subarray(at, at + 6).toString('hex')} ` : `${word} `;
  }
  return out.slice(0, length);
}

/** A database of orders: a fiftieth of the rows is updated in place, some are added. */
export function databaseSeries(rows: number): Series {
  const path = (folder: string) => join(folder, 'orders.sqlite');
  const open = (folder: string) => new DatabaseSync(path(folder));
  return {
    name: `a database of ${rows} rows, a fiftieth updated`,
    updateGoal: 0.9,
    first: (folder) => {
      using database = open(folder);
      database.exec(
        'PRAGMA journal_mode=off; CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, note TEXT, total REAL)',
      );
      const insert = database.prepare('INSERT INTO orders VALUES (?, ?, ?, ?)');
      database.exec('BEGIN');
      for (let id = 0; id < rows; id++) insert.run(id, text(`customer ${id}`, 24), text(`note ${id}`, 200), id * 1.7);
      database.exec('COMMIT; CREATE INDEX by_customer ON orders (customer)');
    },
    second: (folder) => {
      using database = open(folder);
      const update = database.prepare('UPDATE orders SET note = ?, total = total + 1 WHERE id = ?');
      database.exec('PRAGMA journal_mode=off; BEGIN');
      for (let id = 7; id < rows; id += 50) update.run(text(`later note ${id}`, 200), id);
      database.exec('COMMIT');
    },
  };
}

/** A log of a server: a twentieth is appended. */
export function logSeries(lines: number): Series {
  const path = (folder: string) => join(folder, 'server.log');
  const write = (folder: string, from: number, to: number) => {
    let part = '';
    for (let line = from; line < to; line++) {
      const stamp = new Date(1_700_000_000_000 + line * 730).toISOString();
      part += `${stamp} host${line % 7} server[${1000 + (line % 40)}]: ${text(`line ${line}`, 40 + (line % 50))}\n`;
      if (part.length < 1_000_000 && line + 1 < to) continue;
      appendFileSync(path(folder), part);
      part = '';
    }
  };
  return {
    name: `a log of ${lines} lines, a twentieth appended`,
    updateGoal: 0.9,
    first: (folder) => write(folder, 0, lines),
    second: (folder) => write(folder, lines, lines + lines / 20),
  };
}

const blockBytes = 4096;

/** An image of a disk with programs and texts on it: one in twenty of its blocks is overwritten, here and there. */
export function imageSeries(blocks: number): Series {
  const path = (folder: string) => join(folder, 'disk.img');
  return {
    name: `an image of ${Math.round((blocks * blockBytes) / 1e6)} MB, 5 % of its blocks changed`,
    updateGoal: 0.9,
    first: (folder) => {
      const file = openSync(path(folder), 'w');
      for (let block = 0; block < blocks; block++) writeSync(file, blockOf(`block ${block}`, block));
      closeSync(file);
    },
    second: (folder) => {
      const file = openSync(path(folder), 'r+');
      for (let block = 0; block < blocks; block++) {
        const chance = createHash('shake128', { outputLength: 2 }).update(`change ${block}`).digest().readUInt16LE();
        if (chance < 65_536 / 20)
          writeSync(file, blockOf(`changed ${block}`, block), 0, blockBytes, block * blockBytes);
      }
      closeSync(file);
    },
  };
}

/** Text, tables of records, and one in sixteen that cannot be compressed. */
function blockOf(seed: string, block: number): Buffer {
  if (block % 16 === 0) return createHash('shake128', { outputLength: blockBytes }).update(seed).digest();
  if (block % 3 !== 0) return Buffer.from(text(seed, blockBytes), 'latin1');
  const table = Buffer.alloc(blockBytes);
  const noise = createHash('shake128', { outputLength: blockBytes / 4 })
    .update(seed)
    .digest();
  for (let at = 0; at + 16 <= blockBytes; at += 16) {
    table.writeUInt32LE(block + at, at);
    noise.copy(table, at + 4, at / 4, at / 4 + 4);
    table.writeUInt16LE(at % 251, at + 12);
  }
  return table;
}

/** Bytes of all files below a folder. */
export function bytesBelow(folder: string): number {
  return filesBelow(folder).reduce((sum, path) => sum + statSync(join(folder, path)).size, 0);
}
