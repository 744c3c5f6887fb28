import type { Terminal } from '../cli/terminal.ts';

/** A terminal that keeps what was written, and answers as told. */
export class RecordedTerminal implements Terminal {
  written = '';
  result = '';
  readonly errIsTty: boolean;
  readonly errColumns: number;
  readonly outIsTty = false;
  readonly canAsk = false;
  readonly errHasColour = false;

  constructor(errIsTty: boolean, errColumns = 120) {
    this.errIsTty = errIsTty;
    this.errColumns = errColumns;
  }

  out(text: string): void {
    this.result += text;
  }

  err(text: string): void {
    this.written += text;
  }

  async ask(): Promise<boolean> {
    return false;
  }

  /** What a person sees on the last line. */
  get line(): string {
    return this.written.split('\n').at(-1)?.split('\r').at(-1)?.replaceAll('\x1b[K', '') ?? '';
  }
}
