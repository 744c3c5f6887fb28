/** One peer that sends here: what it may send at most, and what it has sent in the last second. */
export interface Sender {
  readonly limitBytesPerSecond: number;
  readonly toldBytesPerSecond: number;
  readonly receivedBytesPerSecond: number;
}

/** A peer that sends nothing keeps this part of an even share: by filling it, it shows that it wants more. */
const idlePart = 0.2;
/** Who fills so much of what it was told wants more. */
const busyPart = 0.7;

/** Shares a downlink among those who send: evenly among the busy ones, so that together they never exceed it. */
export function shareDownlink(bytesPerSecond: number, senders: readonly Sender[]): number[] {
  if (bytesPerSecond === Number.POSITIVE_INFINITY) return senders.map((sender) => sender.limitBytesPerSecond);
  const even = bytesPerSecond / Math.max(1, senders.length);
  const isBusy = senders.map(
    (sender) =>
      senders.length === 1 || sender.receivedBytesPerSecond > busyPart * Math.min(sender.toldBytesPerSecond, even),
  );
  const shares = senders.map((sender, index) =>
    Math.min(sender.limitBytesPerSecond, isBusy[index] ? 0 : idlePart * even),
  );
  let left = bytesPerSecond - shares.reduce((sum, share) => sum + share, 0);
  // Nobody is busy: whoever begins gets what there is.
  const wanting = isBusy.includes(true) ? isBusy : senders.map(() => true);
  const hungry = new Set(wanting.flatMap((wants, index) => (wants ? [index] : [])));
  while (hungry.size > 0 && left > 1) {
    const each = left / hungry.size;
    for (const index of [...hungry]) {
      const more = Math.min(each, senders[index]!.limitBytesPerSecond - shares[index]!);
      shares[index]! += more;
      left -= more;
      if (more < each) hungry.delete(index);
    }
  }
  return shares;
}
