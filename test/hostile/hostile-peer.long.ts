import { systemClock } from '#runtime';
import { attacksOfPeers, sampleOf, sufferAll } from './run-attacks.ts';

// All of them again and again, each round in another order, in one process that must stay as it is.
const roundsMax = 20;
const lasting = /two batches of one seq/;
const seed = Math.floor(systemClock.nowMs() / 1000) % 7;
const shuffled = Array.from({ length: 7 }, (_, i) => sampleOf(attacksOfPeers, 7, seed + i)).flat();

sufferAll(
  shuffled.filter(({ name }) => !lasting.test(name)),
  roundsMax,
);
