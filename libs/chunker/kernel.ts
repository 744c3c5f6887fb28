import { readFileSync } from 'node:fs';

/** Content starts at the second 64 KiB page of the kernel's memory, as in assembly/kernel.ts. */
export const inputAt = 65_536;

/** Room for 8 MiB read at once behind the rest of a chunk that is not cut yet (at most 2 MiB). */
export const inputBytes = 10 * 1024 * 1024;

/** All memory an instance ever has, in pages of 64 KiB: it cannot grow, so views of it stay valid. */
export const kernelPages = (inputAt + inputBytes) / 65_536;

export const kernelUrl: URL = new URL('kernel.wasm', import.meta.url);

/** What kernel.wasm exports; offsets count from `inputAt`. */
export interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer };
  configure(minBytes: number, normalBytes: number, maxBytes: number, rareLimit: bigint, frequentLimit: bigint): void;
  findCut(start: number, end: number, final: number): number;
  zeroRun(start: number, end: number): number;
}

/** The part of the WebAssembly API used here: TypeScript declares it only together with the browser's document model. */
interface WebAssemblyApi {
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Kernel };
}

const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;

// Compiled once a thread, on first use: a process that never chunks pays nothing.
let compiled: object | undefined;

/** A kernel with its own memory (zeros, which cost no RAM before they are written); synchronous, some 0.1 ms. */
export function createKernel(): Kernel {
  compiled ??= new Module(readFileSync(kernelUrl));
  return new Instance(compiled).exports;
}
