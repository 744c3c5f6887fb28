import { attacksOfPeers, sampleOf, sufferAll } from './run-attacks.ts';

// What takes seconds by its nature waits for the full tier.
const quick = attacksOfPeers.filter(({ name }) => !/flood|thousands|endless|falls silent|stalls/.test(name));

sufferAll(sampleOf(quick, 7, 2));
