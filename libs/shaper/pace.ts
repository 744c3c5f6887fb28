/**
 * How much faster than its share the kernel may send for one connection: so fast that an idle one's share goes to the
 * others within a round trip, so slow that what is let through at once does not hit the line at once.
 */
const overShare = 4;
/** With many connections, one alone must still be able to use all. */
const overLimit = 2;
/** Slower, and a heartbeat behind one packet would be late. */
const leastBytesPerSecond = 8000;
/** What a kernel may hold, in time of the limit. More it has from a time when the limit was higher, and must send slowly. */
const heldMs = 100;

/** The pace of one of `connections` that share a limit, with so much written and not sent; Infinity without a limit. */
export function paceOf(limitBytesPerSecond: number, connections: number, unsentBytes: number): number {
  if (limitBytesPerSecond === Number.POSITIVE_INFINITY) return limitBytesPerSecond;
  const many = Math.max(1, connections);
  const holdsTooMuch = unsentBytes > 65_536 && unsentBytes > (limitBytesPerSecond * heldMs) / 1000;
  const factor = holdsTooMuch ? 1 / many : Math.max(overShare / many, overLimit);
  return Math.max(leastBytesPerSecond, limitBytesPerSecond * factor);
}
