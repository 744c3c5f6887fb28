import { tell } from './recording.ts';
import { scenarioNamed } from './scenarios/all.ts';

// Runs scenario argv[2] below the folder argv[3]; its words go into the recording argv[4]. The shim records the rest.
const [name = '', root = '', recording = ''] = process.argv.slice(2);
await scenarioNamed(name).run(root, (word) => tell(recording, word));
