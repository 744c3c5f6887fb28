import { networkInterfaces } from 'node:os';

/** Addresses under which peers may find this machine: a wildcard stands for every address of its interfaces but loopback. */
export function reachableAddresses(listening: readonly string[]): string[] {
  return [...new Set(listening.flatMap(expand))].slice(0, 8);
}

function expand(address: string): string[] {
  const colon = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, colon), address.slice(colon + 1)];
  if (host !== '0.0.0.0' && host !== '[::]') return [address];
  const found = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return found
    .filter(
      ({ internal, family, address: one }) =>
        !internal && (family === 'IPv4' || (host === '[::]' && !one.startsWith('fe80'))),
    )
    .map(({ family, address: one }) => (family === 'IPv4' ? `${one}:${port}` : `[${one}]:${port}`));
}
