import type { Clock } from '#runtime';
import { formatDuration } from '../cli/format.ts';
import { printableText } from '../cli/printable.ts';

const lineLength = 84;

/** What one step says when it is done: paragraphs for people, figures for scripts. */
export interface StepResult<F extends object> {
  readonly says: readonly string[];
  readonly figures: F;
}

export interface NarratorOptions {
  readonly clock: Clock;
  /** Where the story goes; nowhere when only the figures are wanted. */
  readonly write: (text: string) => void;
}

/** Tells the story as it happens, numbers its steps, times them and keeps their figures. */
export class Narrator {
  readonly #options: NarratorOptions;
  readonly #startedMs: number;
  readonly #figures: Record<string, object> = {};
  #step = 0;
  #title = '';

  constructor(options: NarratorOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
  }

  /** A text as it is, on lines of its own. */
  say(text: string): void {
    this.#options.write(`${printableText(text)}\n`);
  }

  /** A paragraph, indented and broken into lines. */
  tell(paragraph: string): void {
    this.say(
      broken(paragraph)
        .map((line) => `   ${line}`)
        .join('\n'),
    );
  }

  /** One step: its title at once, so that whoever watches knows what is going on, and what it says afterwards. */
  async step<F extends object>(key: string, title: string, work: () => Promise<StepResult<F>>): Promise<F> {
    const { clock } = this.#options;
    this.#step += 1;
    this.#title = title;
    this.say(`\n${this.#step}. ${title}`);
    const startedMs = clock.monotonicMs();
    const { says, figures } = await work();
    const seconds = (clock.monotonicMs() - startedMs) / 1000;
    for (const paragraph of says) this.tell(paragraph);
    this.tell(`(${formatDuration(seconds)})`);
    this.#figures[key] = { ...figures, seconds };
    return figures;
  }

  /** Where the story is: "step 3 (First backup)". */
  get place(): string {
    return this.#step === 0 ? 'the beginning' : `step ${this.#step} (${this.#title})`;
  }

  get seconds(): number {
    return (this.#options.clock.monotonicMs() - this.#startedMs) / 1000;
  }

  /** By step, with the seconds each took. */
  get figures(): Readonly<Record<string, object>> {
    return this.#figures;
  }
}

/** Lines of at most `lineLength`, broken between words; a longer word has a line of its own. */
function broken(paragraph: string): string[] {
  const lines: string[] = [];
  for (const word of paragraph.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > lineLength) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
