import { failureLine } from './failure-line.ts';
import { tell } from './recording.ts';
import { scenarioNamed } from './scenarios/all.ts';

// Runs scenario argv[2] below the folder argv[3]; its words go into the recording argv[4]. The shim records the rest. How it
// fails is told in one line, errors that hide others with what they hide.
const [name = '', root = '', recording = ''] = process.argv.slice(2);
process.on('uncaughtException', (error) => end(error, true));
await scenarioNamed(name)
  .run(root, (word) => tell(recording, word))
  .catch((error) => end(error, false));

function end(error: unknown, isUncaught: boolean): never {
  process.stderr.write(`${failureLine(error, isUncaught)}\n`);
  process.exit(1);
}
