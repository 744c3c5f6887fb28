import { join } from 'node:path';

/** The file that makes a state folder an agent's. In a file of its own, because every command looks for it first. */
export function agentFilePath(stateFolder: string): string {
  return join(stateFolder, 'agent.json');
}
