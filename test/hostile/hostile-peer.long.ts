import { attacksOfPeers, sampleOf, sufferAll } from './run-attacks.ts';

// All of them again and again, each round in another order, in one process that must stay as it is.
const roundsMax = 20;
const lasting = /two batches of one seq|names the snapshots/;
const shuffled = Array.from({ length: 7 }, (_, i) => sampleOf(attacksOfPeers, 7, 7 - i)).flat();

sufferAll(
  shuffled.filter(({ name }) => !lasting.test(name)),
  roundsMax,
);
