import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { kernelPages, kernelUrl } from './kernel.ts';

const sourceUrl = new URL('assembly/kernel.ts', import.meta.url);

/** Compiles assembly/kernel.ts; the same bytes each time for one version of the compiler. Throws with its messages. */
export async function buildKernel(): Promise<Uint8Array> {
  const output = new Map<string, Uint8Array>();
  const pages = String(kernelPages);
  const { error, stderr } = await asc.main(
    // The stub runtime and no assertions: the kernel allocates nothing, and its callers check what they pass.
    [
      'kernel.ts',
      '-O3',
      '--runtime',
      'stub',
      '--noAssert',
      '--initialMemory',
      pages,
      '--maximumMemory',
      pages,
      '-o',
      'kernel.wasm',
    ],
    {
      // Only the source is there, and no configuration file beside it: the result depends on nothing else.
      readFile: (name) => (name === 'kernel.ts' ? readFileSync(sourceUrl, 'utf8') : null),
      writeFile: (name, content) => void output.set(name, new Uint8Array(Buffer.from(content))),
      listFiles: () => [],
    },
  );
  const wasm = output.get('kernel.wasm');
  if (error !== null || wasm === undefined)
    throw new Error(`the chunker kernel does not compile:\n${stderr.toString()}`, { cause: error });
  return wasm;
}

if (import.meta.main) writeFileSync(fileURLToPath(kernelUrl), await buildKernel());
