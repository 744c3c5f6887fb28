import { attacksOfPeers, sufferAll } from './run-attacks.ts';

sufferAll(attacksOfPeers);
