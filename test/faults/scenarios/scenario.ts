/** Something that an appliance does, told word by word, and what must be true of any disk that a power cut leaves. */
export interface Scenario {
  readonly name: string;
  /** Power is cut only after this word: what comes before, another scenario attacks. */
  readonly from?: string;
  /** Does it all below `root`, which is empty. `tell` says what is acknowledged by now. */
  run(root: string, tell: (word: string) => void): Promise<void>;
  /**
   * Opens what was left, as a start after the cut would, and gives everything that is not as the words promise; may change
   * the files. `thorough` asks for what takes long, too.
   */
  verify(root: string, words: readonly string[], thorough: boolean): Promise<string[]>;
}
