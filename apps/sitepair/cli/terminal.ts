import { createInterface } from 'node:readline/promises';

/** Where a command writes and asks. Results go out, all else goes to the error stream. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** A person can answer, and sees the question. */
  readonly canAsk: boolean;
  readonly outIsTty: boolean;
  readonly errIsTty: boolean;
  readonly errColumns: number;
  /** Whether colours are wanted on the error stream. */
  readonly errHasColour: boolean;
  /** A question to be answered with yes or no; anything but yes is no. */
  ask(question: string): Promise<boolean>;
}

export const processTerminal: Terminal = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  canAsk: process.stdin.isTTY === true && process.stderr.isTTY === true,
  outIsTty: process.stdout.isTTY === true,
  errIsTty: process.stderr.isTTY === true,
  get errColumns() {
    return process.stderr.columns ?? 80;
  },
  // https://no-color.org
  errHasColour: process.stderr.isTTY === true && (process.env.NO_COLOR ?? '') === '',
  async ask(question) {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return /^\s*y(es)?\s*$/i.test(await lines.question(`${question} [y/N] `));
    } finally {
      lines.close();
    }
  },
};
