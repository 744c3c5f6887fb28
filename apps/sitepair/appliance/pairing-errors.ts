import { AppError } from '#runtime';

export function wrongInviter(): AppError {
  return new AppError('whoever answered is not the site that made this invitation', {
    code: 'wrong_inviter',
    advice: 'Do not go on. Check the address in the invitation and ask the other admin for a new one.',
  });
}

export function invitationExpired(): AppError {
  return new AppError('this invitation has expired', {
    code: 'invitation_expired',
    advice: 'Make a new one with "sitepair pair invite" at the other site, and check that both clocks are right.',
  });
}

export function agentInvitation(): AppError {
  return new AppError('this invitation is for an agent, not for a site', {
    code: 'invitation_for_agent',
    advice:
      'Use it on the machine that is to be backed up: "sitepair agent enroll CODE". Sites: "sitepair pair invite".',
  });
}

export function siteInvitation(): AppError {
  return new AppError('this invitation is for a site, not for an agent', {
    code: 'invitation_for_site',
    advice: 'Ask for one made with "sitepair agent invite NAME". Sites accept theirs with "sitepair pair accept CODE".',
  });
}

export function invitationRefused(addresses: readonly string[], cause: unknown): AppError {
  return new AppError(`whoever answers at ${addresses.join(', ')} does not know this invitation`, {
    code: 'invitation_refused',
    advice: 'It was replaced or withdrawn, or the address leads to another site: ask for a new one.',
    cause,
  });
}

export function inviterUnreachable(addresses: readonly string[], cause: unknown): AppError {
  return new AppError(`the inviting site cannot be reached at ${addresses.join(', ')}`, {
    code: 'inviter_unreachable',
    retryable: true,
    advice:
      'Check that "sitepair serve" runs there and that a firewall lets this port in; give the outside address with "pair invite --address".',
    cause,
  });
}

export function cutShort(): AppError {
  return new AppError('the other appliance ended the introduction', {
    code: 'introduction_cut',
    retryable: true,
    advice: 'Run "sitepair pair accept" again with the same code.',
  });
}

export function invitationUsed(): AppError {
  return new AppError('this invitation was used by another site', {
    code: 'invitation_used',
    advice: 'Make a new one with "sitepair pair invite". If you do not know who used it, remove that peer.',
  });
}

export function alreadyPaired(name: string): AppError {
  return new AppError(`this site is paired with ${name} already`, {
    code: 'already_paired',
    advice: 'Nothing to do. To pair anew, remove the peer at both ends first ("sitepair pair remove").',
  });
}

export function nameTaken(name: string): AppError {
  return new AppError(`another site is called "${name}" already`, {
    code: 'same_site_name',
    advice: 'Make the newer site anew under another name, or remove the peer that has the name.',
  });
}

export function notPaired(): AppError {
  return new AppError('the two appliances are not paired', {
    code: 'not_paired',
    advice: 'Pair them: "sitepair pair invite" at one, "sitepair pair accept" at the other, and confirm at both.',
  });
}

/** Goes over the link as its end: how a peer learns that it is one no more. */
export function pairingEnded(): AppError {
  return new AppError('the pairing of the two sites was ended', {
    code: 'pairing_ended',
    advice: 'See "sitepair pair list".',
  });
}

/** Membership is for good, and so is its end. */
export function siteRemoved(name: string): AppError {
  return new AppError(`${name} was removed from the realm, and a removed site does not come back`, {
    code: 'site_removed',
    advice:
      'Make it anew: "sitepair init" in another state folder gives it a new id; then pair that one. The old state folder still restores what it has.',
  });
}

export function noAnswer(name: string): AppError {
  return new AppError(`${name} does not answer`, {
    code: 'peer_silent',
    retryable: true,
    advice: 'It is told again when the link is next up; look at the other appliance if this goes on.',
  });
}
