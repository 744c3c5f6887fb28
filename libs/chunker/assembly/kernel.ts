// The chunker's inner loop; AssemblyScript, compiled to ../kernel.wasm by ../build-kernel.ts. What it computes is
// defined in proto/CHUNKING.md. The host writes the gear table (256 x u64) at address 0 and the content at `inputAt`.

/** Where the content begins: the second page, so that the table and the content never share one. */
const inputAt: usize = 65536;

/** The hash is 64 bits wide and shifts by one a byte: a byte is forgotten after 64 more. */
const windowBytes: u32 = 64;

let minBytes: u32 = 0;
let normalBytes: u32 = 0;
let maxBytes: u32 = 0;
let rareLimit: u64 = 0;
let frequentLimit: u64 = 0;

/** Sets the limits of a chunk; once, before anything else. */
export function configure(min: u32, normal: u32, max: u32, rare: u64, frequent: u64): void {
  minBytes = min;
  normalBytes = normal;
  maxBytes = max;
  rareLimit = rare;
  frequentLimit = frequent;
}

/** The end of the chunk that begins at `start`, when the content is known up to `end`; -1 when more must be known. */
export function findCut(start: u32, end: u32, final: bool): i32 {
  const available = end - start;
  const shortest = start + minBytes;
  const normal = start + min<u32>(available, normalBytes);
  const longest = start + min<u32>(available, maxBytes);
  if (available >= minBytes) {
    let cut = scan(shortest, normal, rareLimit);
    if (cut == 0) cut = scan(normal + 1, longest, frequentLimit);
    if (cut != 0) return cut;
  }
  return available >= maxBytes || final ? longest : -1;
}

/** The first offset in [first, last] at which the hash of the 64 bytes before is below `limit`; 0 when there is none. */
function scan(first: u32, last: u32, limit: u64): u32 {
  let hash: u64 = 0;
  let at = first - 1;
  for (let warm = first - windowBytes; warm < at; warm++) hash = (hash << 1) + gear(load<u8>(warm, inputAt));

  // One load for eight bytes, and shifts that leave each byte already times eight, the size of a table entry: half again
  // as fast as byte by byte; two interleaved chains were slower than this (2.3 against 2.5 GB/s on an AMD EPYC).
  for (; at + 8 <= last; at += 8) {
    const word = load<u64>(at, inputAt);
    hash = (hash << 1) + scaledGear(word << 3);
    if (hash < limit) return at + 1;
    hash = (hash << 1) + scaledGear(word >> 5);
    if (hash < limit) return at + 2;
    hash = (hash << 1) + scaledGear(word >> 13);
    if (hash < limit) return at + 3;
    hash = (hash << 1) + scaledGear(word >> 21);
    if (hash < limit) return at + 4;
    hash = (hash << 1) + scaledGear(word >> 29);
    if (hash < limit) return at + 5;
    hash = (hash << 1) + scaledGear(word >> 37);
    if (hash < limit) return at + 6;
    hash = (hash << 1) + scaledGear(word >> 45);
    if (hash < limit) return at + 7;
    hash = (hash << 1) + scaledGear(word >> 53);
    if (hash < limit) return at + 8;
  }
  for (; at < last; at++) {
    hash = (hash << 1) + gear(load<u8>(at, inputAt));
    if (hash < limit) return at + 1;
  }
  return 0;
}

function gear(byte: u8): u64 {
  return load<u64>((<usize>byte) << 3);
}

/** The table entry of the byte that lies in bits 3 to 10 of `scaled`. */
function scaledGear(scaled: u64): u64 {
  return load<u64>((<usize>scaled) & 0x7f8);
}

/** How many zero bytes [start, end) begins with. */
export function zeroRun(start: u32, end: u32): u32 {
  let at = start;
  for (; at + 64 <= end; at += 64) {
    const low = load<u64>(at, inputAt) | load<u64>(at, inputAt + 8) | load<u64>(at, inputAt + 16) | load<u64>(at, inputAt + 24);
    const high = load<u64>(at, inputAt + 32) | load<u64>(at, inputAt + 40) | load<u64>(at, inputAt + 48) | load<u64>(at, inputAt + 56);
    if ((low | high) != 0) break;
  }
  while (at < end && load<u8>(at, inputAt) == 0) at++;
  return at - start;
}
