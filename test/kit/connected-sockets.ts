import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** The two ends of a TCP connection over loopback, for as long as `use` takes. */
export async function withConnection(host: string, use: (near: Socket, far: Socket) => Promise<void>): Promise<void> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, host);
  try {
    const [far] = (await once(server, 'connection')) as [Socket];
    if (near.connecting) await once(near, 'connect');
    await use(near, far);
    far.destroy();
  } finally {
    near.destroy();
    server.close();
  }
}

/** The descriptor of a connected socket; Node has no public way to it. */
export function descriptorOf(socket: Socket): number {
  return (socket as Socket & { _handle: { fd: number } })._handle.fd;
}
