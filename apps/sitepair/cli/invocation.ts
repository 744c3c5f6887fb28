import { resolve } from 'node:path';
import { AppError, type Clock, systemClock, systemTimers, type Timers } from '#runtime';
import { type ApplianceConnection, connectAppliance } from '../client/connect-appliance.ts';
import { catchInterrupt, type Interrupt } from './interrupt.ts';
import { printableText } from './printable.ts';
import { ProgressLine } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly state: string;
  readonly json?: true;
  readonly yes?: true;
  readonly verbose?: true;
}

/** One run of the command line: its global options, its terminal, and how it tells its result. */
export class Invocation {
  readonly terminal: Terminal;
  readonly clock: Clock = systemClock;
  readonly timers: Timers = systemTimers;
  #options: GlobalOptions = { state: '' };
  /** 0 done, 1 the result is bad news, 3 done with warnings. What is thrown decides about 1 and 2 itself. */
  exitCode: 0 | 1 | 3 = 0;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  begin(options: GlobalOptions): void {
    this.#options = options;
  }

  get state(): string {
    return resolve(this.#options.state);
  }

  get json(): boolean {
    return this.#options.json === true;
  }

  get yes(): boolean {
    return this.#options.yes === true;
  }

  get verbose(): boolean {
    return this.#options.verbose === true;
  }

  connect(): Promise<ApplianceConnection> {
    return connectAppliance(this.state);
  }

  /** The result of the command: `value` with --json, else the text for people. */
  print(value: unknown, text: () => string): void {
    const shown = this.json ? JSON.stringify(value) : printableText(text());
    if (shown !== '') this.terminal.out(`${shown}\n`);
  }

  /** Something for people to know besides the result. */
  note(text: string): void {
    if (!this.json) this.terminal.err(`${printableText(text)}\n`);
  }

  progress(items: string, rate: 'link' | 'data'): ProgressLine {
    return new ProgressLine({
      terminal: this.terminal,
      clock: this.clock,
      timers: this.timers,
      items,
      rate,
      silent: this.json,
    });
  }

  interrupt(kept: string): Interrupt {
    return catchInterrupt(this.terminal, kept);
  }

  /** Asks on a terminal; --yes has answered already. Where nobody can be asked, the command is refused. */
  async confirm(question: string): Promise<boolean> {
    if (this.yes) return true;
    if (this.json || !this.terminal.canAsk) throw confirmationNeeded(question);
    return this.terminal.ask(question);
  }
}

function confirmationNeeded(question: string): AppError {
  return new AppError(`this needs an answer: ${question}`, {
    code: 'confirmation_needed',
    advice: 'Run it on a terminal, or answer beforehand with --yes.',
  });
}
