import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { AppError } from '#runtime';

const controlSocketName = 'control.sock';

// sockaddr_un has 108 bytes, one of them for the zero at the end.
const socketPathBytesMax = 107;

// ws takes a socket's path within a URL, where a colon, a space or a question mark means something else.
const plainPath = /^[\w./-]+$/;

/** A name for a socket in a folder that always fits. Hold it for as long as the socket is bound, or until connected. */
export interface SocketPath extends Disposable {
  readonly path: string;
}

/** The control socket of a state folder; by way of /proc where the path itself does not suit. */
export function controlSocketPath(stateFolder: string): SocketPath {
  const path = join(stateFolder, controlSocketName);
  if (Buffer.byteLength(path) <= socketPathBytesMax && plainPath.test(path)) {
    return { path, [Symbol.dispose]: () => undefined };
  }
  const folder = openSync(stateFolder, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${folder}/${controlSocketName}`, [Symbol.dispose]: () => closeSync(folder) };
}

/**
 * Serves `app` on the state folder's control socket, for its owner only (mode 0600). A socket left there by a crash is
 * removed: the caller holds the state's lock, so nobody serves it. The socket goes when the app is closed.
 */
export async function listenOnControlSocket(app: FastifyInstance, stateFolder: string): Promise<void> {
  await app.ready();
  // A command may be connected for long before it asks; only the state's owner can, and he may.
  app.server.headersTimeout = 0;
  const socket = controlSocketPath(stateFolder);
  // The socket's name is removed through the same path.
  app.server.once('close', () => socket[Symbol.dispose]());
  rmSync(join(stateFolder, controlSocketName), { force: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  app.server.once('listening', resolve);
  app.server.once('error', (error) => reject(cannotListen(stateFolder, error)));
  // The socket is bound within listen(), so that no other file is created under this mask.
  const umask = process.umask(0o177);
  try {
    app.server.listen(socket.path);
  } finally {
    process.umask(umask);
  }
  await promise;
}

function cannotListen(stateFolder: string, cause: Error): AppError {
  return new AppError(`the control socket in ${stateFolder} cannot be made`, {
    code: 'control_socket_failed',
    advice: 'Check that this user may write to the state folder, and that its file system takes sockets.',
    cause,
  });
}
