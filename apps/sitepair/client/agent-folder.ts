import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createIdentity, decodeIdentity, encodeIdentity, type SiteIdentity } from '#keys';
import {
  AppError,
  fromHex,
  makeFolderDurably,
  readingState,
  systemCode,
  systemRandom,
  toHex,
  writeFileDurably,
} from '#runtime';
import { agentFilePath } from '../appliance/agent-file-path.ts';

/** What a machine that is an agent keeps: docs/state-folder.md. */
export interface AgentFolder {
  /** What the agent is called at its appliance. */
  readonly name: string;
  /** The site of the appliance. */
  readonly site: string;
  readonly siteId: Uint8Array;
  /** Ed25519 key of the appliance: nobody else is talked to. */
  readonly applianceKey: Uint8Array;
  readonly addresses: readonly string[];
  readonly identity: SiteIdentity;
  /** PSK of the pair. */
  readonly secret: Uint8Array;
}

function secretPath(root: string, name: 'identity' | 'psk'): string {
  return join(root, 'secret', name);
}

/** Refuses a folder that is something already; one whose enrolment did not end is gone on with. */
export function checkFree(root: string): void {
  if (existsSync(agentFilePath(root))) {
    const { name, site } = readAgentFolder(root);
    throw new AppError(`${root} is the state of agent "${name}" of ${site} already`, {
      code: 'state_exists',
      advice: 'Choose another --state folder; if this agent was revoked, remove its folder first.',
    });
  }
  const begun = existsSync(secretPath(root, 'identity')) && readdirSync(root).join() === 'secret';
  if (existsSync(root) && readdirSync(root).length > 0 && !begun) {
    throw new AppError(`${root} is not empty`, {
      code: 'state_exists',
      advice: 'An agent needs a state folder of its own: name a new one with --state.',
    });
  }
}

/** The identity of the agent to be; the same one after an enrolment that was cut, so that its code still works. */
export function agentIdentity(root: string): SiteIdentity {
  const file = secretPath(root, 'identity');
  return existsSync(file) ? decodeIdentity(readingState(file, () => readFileSync(file))) : createIdentity(systemRandom);
}

/** Keeps the identity before anybody hears of it. */
export function keepIdentity(root: string, identity: SiteIdentity): void {
  makeFolderDurably(join(root, 'secret'));
  writeFileDurably(secretPath(root, 'identity'), encodeIdentity(identity));
}

/** The last step of enrolment. */
export function finishAgentFolder(root: string, { identity: _, secret, ...about }: AgentFolder): void {
  writeFileDurably(secretPath(root, 'psk'), secret);
  const { siteId, applianceKey } = about;
  const plain = { format: 1, ...about, siteId: toHex(siteId), applianceKey: toHex(applianceKey) };
  writeFileDurably(agentFilePath(root), `${JSON.stringify(plain, null, 2)}\n`);
}

/** Throws `state_forbidden`, `state_too_new`, `state_damaged`. */
export function readAgentFolder(root: string): AgentFolder {
  try {
    const { format, name, site, siteId, applianceKey, addresses } = JSON.parse(
      readingState(root, () => readFileSync(agentFilePath(root), 'utf8')),
    ) as { format: number; name: string; site: string; siteId: string; applianceKey: string; addresses: string[] };
    if (format !== 1) throw tooNew(format);
    const identity = decodeIdentity(readingState(root, () => readFileSync(secretPath(root, 'identity'))));
    const secret = new Uint8Array(readingState(root, () => readFileSync(secretPath(root, 'psk'))));
    return { name, site, siteId: fromHex(siteId), applianceKey: fromHex(applianceKey), addresses, identity, secret };
  } catch (error) {
    if (error instanceof AppError) throw error;
    const forbidden = systemCode(error) === 'EACCES';
    throw new AppError(forbidden ? `you may not read ${root}` : `the agent's state in ${root} is damaged`, {
      code: forbidden ? 'state_forbidden' : 'state_damaged',
      advice: forbidden
        ? 'Run the command as the user that enrolled this machine.'
        : 'Have this agent revoked, remove the folder, and enrol anew; nothing at the appliance is lost.',
      cause: error,
    });
  }
}

function tooNew(format: number): AppError {
  return new AppError(`this agent's state has format ${format}, which is newer than this version`, {
    code: 'state_too_new',
    advice: 'Install the version of Sitepair that wrote it, or a later one.',
  });
}
