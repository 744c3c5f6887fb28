import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

test('the first Ctrl-C asks the work to stop, the second ends the process', async () => {
  const module = join(import.meta.dirname, 'interrupt.ts');
  const script = `import { catchInterrupt } from ${JSON.stringify(module)};
const terminal = { err: (text) => console.log(text.trim()), errIsTty: false };
const { signal } = catchInterrupt(terminal, 'Run it again.');
signal.addEventListener('abort', () => console.log(signal.reason.code, signal.reason.advice));
console.log('ready');
setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const printed = text(child.stdout);
  const ended = once(child, 'close');
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  assert.deepEqual(await ended, [null, 'SIGINT']);
  assert.match(await printed, /once more stops at once\.\ninterrupted Run it again\.\n$/);
});
