import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, runSitepair, type TestSite } from './test-site.ts';

/** Another machine, with a state folder of its own. */
export class Machine {
  readonly state: string;

  constructor(root: string, name: string) {
    this.state = join(root, `agent-${name}`);
  }

  static async enrolled(root: string, site: TestSite, name: string): Promise<Machine> {
    const machine = new Machine(root, name);
    await machine.ok('agent', 'enroll', await codeFor(site, name));
    return machine;
  }

  run(...args: readonly string[]): Promise<CommandResult> {
    return runSitepair([...args, '--state', this.state]);
  }

  async ok(...args: readonly string[]): Promise<CommandResult> {
    const result = await this.run(...args);
    assert.equal(result.code, 0, `${args.join(' ')}\n${result.stdout}${result.stderr}`);
    return result;
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse((await this.ok(...args, '--json')).stdout) as T;
  }

  /** The code of the error with which a command must fail. */
  async failsWith(...args: readonly string[]): Promise<string> {
    const result = await this.run(...args, '--json');
    assert.equal(result.code, 1, `${args.join(' ')}\n${result.stdout}${result.stderr}`);
    return (JSON.parse(result.stdout) as { error: { code: string } }).error.code;
  }
}

/** An invitation for an agent of this name. */
export async function codeFor(site: TestSite, name: string): Promise<string> {
  return (await site.json<{ code: string }>('agent', 'invite', name)).code;
}

/** Some files in some folders; gives their folder. */
export function makeTree(root: string, name: string, files = 20): string {
  const path = join(root, name);
  mkdirSync(join(path, 'deep', 'er'), { recursive: true });
  for (let i = 0; i < files; i++)
    writeFileSync(join(path, i % 2 ? 'deep' : '', `file-${i}`), `${name} ${i}`.repeat(1 + i * 500));
  return path;
}

/** Every file below a folder, by its path in there. */
export function contentsOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map(({ parentPath, name }) => [
      join(parentPath, name).slice(folder.length),
      readFileSync(join(parentPath, name), 'utf8'),
    ]),
  );
}
