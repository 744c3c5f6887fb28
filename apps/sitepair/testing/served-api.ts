import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { buildApi } from '../api/build-api.ts';
import { listenOnControlSocket } from '../api/control-socket.ts';
import type { Operations } from '../appliance/operations.ts';

export interface ServedApi extends AsyncDisposable {
  readonly stateFolder: string;
}

/** The API over `operations` on the control socket of a temporary state folder, which may be far down, or prepared. */
export async function serveApi(
  operations: Operations,
  subfolder = '',
  prepare: (stateFolder: string) => void = () => undefined,
): Promise<ServedApi> {
  const root = mkdtempSync(join(tmpdir(), 'sitepair-api-'));
  const stateFolder = join(root, subfolder);
  mkdirSync(stateFolder, { recursive: true });
  prepare(stateFolder);
  const app = buildApi(operations, { logger: pino({ level: 'silent' }) });
  await listenOnControlSocket(app, stateFolder);
  return {
    stateFolder,
    async [Symbol.asyncDispose]() {
      await app.close();
      rmSync(root, { recursive: true });
    },
  };
}
