import type { MemberView } from '#catalog';
import type { SiteId } from '#model';
import { AppError, equalBytes } from '#runtime';

/** What a vault's logs say of the realm that it is lent to. */
export interface RealmWords {
  members(): readonly MemberView[];
  removedSites(): readonly SiteId[];
}

/**
 * Lets a site use the vault of the realm that it says it belongs to. Anybody can say so: the first comer is believed, whom
 * this site's admin has compared words with; everybody after that must be a member by the logs that lie in the vault, and
 * nobody whom the realm has removed is let in. Throws `not_of_this_realm`.
 */
export function checkOwner(
  words: RealmWords,
  ownSiteId: SiteId,
  owner: { readonly siteId: SiteId; readonly name: string },
) {
  const isOwner = ({ siteId }: { readonly siteId: SiteId }) => equalBytes(siteId, owner.siteId);
  const others = words.members().filter(({ siteId, role }) => role === 'full' && !equalBytes(siteId, ownSiteId));
  const isRemoved = words.removedSites().some((siteId) => isOwner({ siteId }));
  if (!isRemoved && (others.length === 0 || others.some(isOwner))) return;
  throw new AppError(`by the logs of its realm, ${owner.name} is not a member of it`, {
    code: 'not_of_this_realm',
    advice:
      'If it has joined only now, wait until a member that this site knows has linked again; else remove the pairing.',
  });
}
