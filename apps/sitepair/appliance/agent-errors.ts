import { AppError } from '#runtime';

export function agentExists(name: string): AppError {
  return new AppError(`another machine is enrolled as "${name}" already`, {
    code: 'agent_exists',
    advice: `Choose another name; if the machine was replaced, run "sitepair agent revoke ${name}" at the appliance first: its successor gets its datasets.`,
  });
}

export function agentUnknown(name: string, known: readonly string[]): AppError {
  return new AppError(`no agent is called "${name}"`, {
    code: 'agent_unknown',
    advice: known.length > 0 ? `Choose one of: ${known.join(', ')}.` : 'Invite one: "sitepair agent invite NAME".',
  });
}

export function agentRevoked(): AppError {
  return new AppError('the appliance lets this machine in no more: it was revoked', {
    code: 'agent_revoked',
    advice: 'Ask the admin of the appliance for a new invitation, and enrol with it in a new state folder.',
  });
}

export function agentInvitationUsed(): AppError {
  return new AppError('this invitation was used by another machine', {
    code: 'invitation_used',
    advice:
      'Ask for a new one. If nobody knows who used it, revoke that agent: "sitepair agent list" at the appliance.',
  });
}

export function notForAgents(service: string): AppError {
  return new AppError(`an agent has no business with "${service}"`, {
    code: 'agent_not_allowed',
    advice: 'Agents back up, list and restore their own datasets; all else is done at the appliance.',
  });
}

export function datasetTaken(name: string): AppError {
  return new AppError(`the dataset "${name}" is somebody else's`, {
    code: 'dataset_taken',
    advice: "Choose another name with --dataset, for instance with this machine's name in front.",
  });
}

export function tooMany(what: string, max: number): AppError {
  return new AppError(`there are ${max} ${what} already, and that is the limit`, {
    code: 'too_many_of_agent',
    advice: 'Use fewer, or ask the admin of the appliance.',
  });
}
