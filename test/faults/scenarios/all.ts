import { killedSiteScenario, killedStoreScenario, lives } from './killed.ts';
import { agentScenario, rebuildScenario } from './rebuild.ts';
import { rotScenario } from './rot.ts';
import type { Scenario } from './scenario.ts';
import { blindScenario, pairScenario } from './sites.ts';
import { storeScenario } from './store.ts';
import { volumesScenario } from './volumes.ts';

export const scenarios: readonly Scenario[] = [
  volumesScenario,
  storeScenario,
  pairScenario,
  blindScenario,
  rotScenario,
  rebuildScenario,
  agentScenario,
  killedStoreScenario,
  killedSiteScenario,
];

export function scenarioNamed(name: string): Scenario {
  const found = [...scenarios, ...lives].find((one) => one.name === name);
  if (found === undefined) throw new Error(`no scenario is called ${name}`);
  return found;
}
