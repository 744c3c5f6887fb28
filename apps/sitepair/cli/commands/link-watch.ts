import { isAppError } from '#runtime';
import type { SitepairCommand } from '../command.ts';
import type { Invocation } from '../invocation.ts';
import { printableText } from '../printable.ts';
import { healthText, verdictOf } from './link-health-text.ts';

const refreshMs = 1000;
/** Home, and erase what is below: the screen keeps what was above it. */
const clearScreen = '\x1b[H\x1b[J';

/** The links, live. */
export function addLinkWatch(link: SitepairCommand, invocation: Invocation): void {
  link
    .command('watch')
    .summary('the links, live')
    .description(
      'Shows the links anew each second until Ctrl-C. Without a terminal, or with --json, one line each second.',
    )
    .argument('[PEER]', 'only this one')
    .teach([
      { run: 'sitepair link watch', what: 'all links' },
      { run: 'sitepair link watch south --json', what: 'one line of JSON each second' },
    ])
    .action(async (peer: string | undefined) => {
      await using appliance = await invocation.connect();
      using interrupt = invocation.interrupt('Nothing was changed.');
      const { terminal, clock, timers, json } = invocation;
      try {
        for (;;) {
          const health = await appliance.api.call('linkHealth', peer === undefined ? {} : { peer });
          const time = new Date(clock.nowMs()).toISOString();
          if (json) terminal.out(`${JSON.stringify({ time, links: health })}\n`);
          else if (!terminal.outIsTty) terminal.out(`${printableText(`${time} ${health.map(verdictOf).join(' ')}`)}\n`);
          else {
            const texts = health.map((one) => healthText(one, clock.nowMs()));
            terminal.out(`${clearScreen}${printableText([...texts, 'Ctrl-C ends.'].join('\n\n'))}\n`);
          }
          await timers.sleep(refreshMs, interrupt.signal);
        }
      } catch (error) {
        // Ctrl-C is how this ends.
        if (!isAppError(error, 'interrupted')) throw error;
      }
    });
}
