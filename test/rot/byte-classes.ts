import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of one meaning in one file of a state, found by the file's structure as FORMAT.md and CATALOG.md have it. */
export interface ByteClass {
  /** `pack of leaves: checksum of a record`. */
  readonly name: string;
  /** Path within the state. */
  readonly file: string;
  readonly from: number;
  readonly to: number;
  /** The next bytes of the same meaning, when there are some of equal length: to be exchanged with. */
  readonly sibling?: number | undefined;
  readonly expect: Expectation;
}

/**
 * What must come of damage there. `refused`: the state does not open, with a typed error. `said`: it opens, and something
 * names it. `rebuilt`: a cache that is made anew. `ignored`: bytes that say nothing which anybody needs.
 */
export type Expectation = 'said' | 'refused' | 'rebuilt' | 'ignored';

interface Part {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

const fields = (start: number, ...list: readonly (readonly [name: string, length: number])[]): Part[] => {
  let at = start;
  return list.map(([name, length]) => {
    const from = at;
    at += length;
    return { name, from, to: at };
  });
};

const magics = { record: 'a75350520d0a1a31', marker: 'a75350430d0a1a31' } as const;

/** Every field of a closed pack: FORMAT.md section 6, and section 2 for its records. */
function packParts(bytes: Buffer): Part[] {
  const parts = fields(
    0,
    ['magic', 8],
    ['version', 1],
    ['class', 1],
    ['zeros', 6],
    ['pack id', 16],
    ['realm id', 16],
    ['hash', 16],
  );
  const named: Part[] = parts.map((part) => ({ ...part, name: `header, ${part.name}` }));
  const footerOffset = Number(bytes.readBigUInt64LE(bytes.length - 56));
  for (let at = 64; at < footerOffset; ) {
    const magic = bytes.toString('hex', at, at + 8);
    if (magic === magics.marker) {
      const list = fields(at, ['magic', 8], ['pack id', 16], ['group', 4], ['records', 4], ['start', 8], ['length', 8]);
      list.push(...fields(at + 48, ['checksums', 32], ['zeros', 16], ['hash', 32]));
      named.push(...list.map((part) => ({ ...part, name: `marker, ${part.name}` })));
      named.push({ name: 'marker, whole', from: at, to: at + 128 });
      at += 128;
      continue;
    }
    if (magic !== magics.record) throw new Error(`no record at ${at}`);
    const [ids, references, sealed] = [12, 16, 20].map((offset) => bytes.readUInt32LE(at + offset)) as [
      number,
      number,
      number,
    ];
    const head: readonly (readonly [string, number])[] = [
      ...([
        ['magic', 8],
        ['version', 1],
        ['kind', 1],
        ['flags', 2],
        ['count of ids', 4],
        ['count of references', 4],
      ] as const),
      ...([
        ['length', 4],
        ['domain id', 8],
        ['key id', 8],
        ['nonce', 24],
        ['ids', 20 * ids],
      ] as const),
      ...([
        ['references', 20 * references],
        ['sealed bytes', sealed - 16],
        ['tag of the seal', 16],
        ['checksum', 16],
      ] as const),
    ];
    const list = fields(at, ...head).filter(({ from, to }) => to > from);
    named.push(...list.map((part) => ({ ...part, name: `record, ${part.name}` })));
    const end = list.at(-1)?.to ?? at;
    named.push({ name: 'record, whole', from: at, to: end });
    at = end;
  }
  for (let at = footerOffset; at < bytes.length - 64; ) {
    const ids = bytes.readUInt16LE(at + 14);
    const list = fields(
      at,
      ['offset', 8],
      ['length', 4],
      ['kind', 1],
      ['zero', 1],
      ['count of ids', 2],
      ['domain id', 8],
      ['checksum', 16],
      ['ids', 20 * ids],
    );
    named.push(...list.map((part) => ({ ...part, name: `footer, ${part.name}` })));
    at = list.at(-1)?.to ?? bytes.length;
  }
  const trailer = fields(
    bytes.length - 64,
    ['magic', 8],
    ['offset', 8],
    ['length', 8],
    ['count', 4],
    ['zeros', 4],
    ['hash', 32],
  );
  named.push(...trailer.map((part) => ({ ...part, name: `trailer, ${part.name}` })));
  named.push({ name: 'whole file', from: 0, to: bytes.length });
  return named;
}

/** Every field of every frame of a log: CATALOG.md section 2, and the signature at the end of what is signed. */
function logParts(bytes: Buffer): Part[] {
  const named: Part[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    const last = at + 28 + length === bytes.length;
    const list = fields(at, ['magic', 8], ['length', 4], ['batch', length - 66], ['signature', 66], ['checksum', 16]);
    named.push(...list.map((part) => ({ ...part, name: `${last ? 'last' : 'earlier'} frame, ${part.name}` })));
    named.push({ name: last ? 'last frame, whole' : 'earlier frame, whole', from: at, to: at + 28 + length });
    at += 28 + length;
  }
  named.push({ name: 'whole file', from: 0, to: bytes.length });
  return named;
}

function wholeParts(bytes: Buffer): Part[] {
  const third = Math.floor(bytes.length / 3);
  return [
    { name: 'beginning', from: 0, to: Math.min(16, bytes.length) },
    { name: 'middle', from: third, to: Math.min(third + 16, bytes.length) },
    { name: 'end', from: Math.max(0, bytes.length - 16), to: bytes.length },
    { name: 'whole file', from: 0, to: bytes.length },
  ];
}

/** The pages of an LMDB file. */
function pageParts(bytes: Buffer): Part[] {
  const pages = Math.floor(bytes.length / 4096);
  const named = Array.from({ length: pages }, (_, i) => [
    { name: i < 2 ? 'meta page' : 'page, header', from: 4096 * i, to: 4096 * i + (i < 2 ? 160 : 16) },
    { name: 'page, content', from: 4096 * i + 2048, to: 4096 * (i + 1) },
  ]);
  return [...named.flat(), { name: 'whole file', from: 0, to: bytes.length }];
}

interface FileKind {
  readonly pattern: RegExp;
  readonly name: (bytes: Buffer) => string;
  readonly parts: (bytes: Buffer) => Part[];
  readonly expect: Expectation;
}

const kinds: readonly FileKind[] = [
  {
    pattern: /^packs\/\d+\/\d+\.pack$/,
    name: (bytes) => (bytes[9] === 1 ? 'pack of leaves' : 'pack of nodes'),
    parts: packParts,
    expect: 'said',
  },
  { pattern: /^catalog\/logs\/.*\.log$/, name: () => 'log', parts: logParts, expect: 'said' },
  { pattern: /^index\/\d+\/index\.mdb$/, name: () => 'index', parts: pageParts, expect: 'rebuilt' },
  { pattern: /^catalog\/views\/views\.lmdb$/, name: () => 'views', parts: pageParts, expect: 'rebuilt' },
  { pattern: /\.(?:mdb|lmdb)-lock$/, name: () => 'lock of LMDB', parts: wholeParts, expect: 'rebuilt' },
  { pattern: /^catalog\/views\/stamp\.json$/, name: () => 'stamp of the views', parts: wholeParts, expect: 'rebuilt' },
  { pattern: /^health\/history\.lmdb$/, name: () => 'health history', parts: pageParts, expect: 'rebuilt' },
  { pattern: /^health\/stamp\.json$/, name: () => 'stamp of the history', parts: wholeParts, expect: 'rebuilt' },
  { pattern: /^limits\.json$/, name: () => 'limits', parts: wholeParts, expect: 'refused' },
  { pattern: /^catalog\/own\.json$/, name: () => 'own.json', parts: wholeParts, expect: 'refused' },
  { pattern: /^secret\/keyring$/, name: () => 'keyring', parts: wholeParts, expect: 'refused' },
  { pattern: /^secret\/identity$/, name: () => 'identity', parts: wholeParts, expect: 'refused' },
  { pattern: /^secret\/door$/, name: () => 'door key', parts: wholeParts, expect: 'said' },
  { pattern: /^secret\/peers\.json$/, name: () => 'peers', parts: wholeParts, expect: 'refused' },
  { pattern: /^secret\/invitations\.json$/, name: () => 'invitations', parts: wholeParts, expect: 'refused' },
  { pattern: /^losses\.json$/, name: () => 'note of losses', parts: wholeParts, expect: 'said' },
  { pattern: /^site\.json$/, name: () => 'site', parts: wholeParts, expect: 'refused' },
  { pattern: /^packs\/keyring\.sealed$/, name: () => 'sealed keyring', parts: wholeParts, expect: 'rebuilt' },
  { pattern: /^packs\/store\.json$/, name: () => 'store.json', parts: wholeParts, expect: 'rebuilt' },
];

/** Every byte class of a state that was closed. Throws for a file that no kind knows, so that none is forgotten. */
export function byteClasses(state: string): ByteClass[] {
  const files = readdirSync(state, { recursive: true })
    .map(String)
    .filter((file) => statSync(join(state, file)).isFile())
    .sort();
  return files.flatMap((file) => {
    if (file === 'lock' || file === 'index/opening') return [];
    const kind = kinds.find(({ pattern }) => pattern.test(file));
    if (kind === undefined) throw new Error(`no byte class for ${file}`);
    const bytes = readFileSync(join(state, file));
    const parts = kind.parts(bytes);
    return parts.map((part, i) => {
      const length = part.to - part.from;
      const sibling = parts.slice(i + 1).find((one) => one.name === part.name && one.to - one.from === length);
      return { ...part, name: `${kind.name(bytes)}: ${part.name}`, file, sibling: sibling?.from, expect: kind.expect };
    });
  });
}
