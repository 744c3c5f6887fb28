import { pairSites, TestSite, testFolder } from '../kit/test-site.ts';
import { type LineSettings, WanLine } from '../kit/wan-line.ts';

/** Two paired appliances, each alone at its end of an emulated line. */
export class LinePair implements AsyncDisposable {
  readonly line: WanLine;
  readonly north: TestSite;
  readonly south: TestSite;
  readonly folder: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(stack: AsyncDisposableStack, line: WanLine, north: TestSite, south: TestSite, folder: string) {
    this.#stack = stack;
    this.line = line;
    this.north = north;
    this.south = south;
    this.folder = folder;
  }

  /** North is at end a, south at end b; south listens, too, so that either may dial. */
  static async up(name: string, settings: LineSettings): Promise<LinePair> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(testFolder(name)).path;
    const line = stack.use(await WanLine.up(settings));
    const north = stack.use(await TestSite.init(folder, 'north'));
    const south = stack.use(await TestSite.init(folder, 'south'));
    north.launcher = line.a.launcher;
    south.launcher = line.b.launcher;
    const address = await north.serve(7400, line.a.address);
    await south.serve(7400, line.b.address);
    await pairSites(north, south, address);
    return new LinePair(stack.move(), line, north, south, folder);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
