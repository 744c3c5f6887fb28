import { Command } from 'commander';
import { AppError } from '#runtime';

/** A mistake on the command line: exit code 2. */
export class UsageError extends AppError {
  constructor(message: string, command: string, advice?: string) {
    super(message, { code: 'usage', advice: advice ?? `See "${command} --help" for what it takes and for examples.` });
  }
}

export interface Example {
  readonly run: string;
  readonly what: string;
}

/** A commander command whose mistakes are UsageErrors, and whose help ends with examples. */
export class SitepairCommand extends Command {
  constructor(name?: string) {
    super(name);
    this.helpCommand(false);
  }

  override createCommand(name?: string): SitepairCommand {
    return new SitepairCommand(name);
  }

  override error(message: string): never {
    throw new UsageError(message.replace(/^error: /, '').replaceAll('\n', ' '), this.fullName());
  }

  /** "sitepair pair invite". */
  fullName(): string {
    return this.parent instanceof SitepairCommand ? `${this.parent.fullName()} ${this.name()}` : this.name();
  }

  /** What follows the options in `--help`: examples first, then what to know. `warnings`: what exit code 3 means here. */
  teach(examples: readonly Example[], notes: readonly string[] = [], warnings?: string): this {
    const lines = examples.flatMap(({ run, what }) => [`  $ ${run}`, `      ${what}`]);
    const exits = `Exit codes: 0 done, 1 failed, 2 wrong usage${warnings === undefined ? '' : `, 3 done, but ${warnings}`}.`;
    return this.addHelpText('after', ['\nExamples:', ...lines, '', ...notes, exits].join('\n'));
  }
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}
