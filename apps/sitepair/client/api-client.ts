import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { assert, isAppError } from '#runtime';
import { controlSocketPath } from '../api/control-socket.ts';
import { fromProblem, type Problem } from '../api/problem.ts';
import { routeTable } from '../api/route-table.ts';
import type { PlainName, ReplyOf, RequestOf, ResultOf, WorkName } from '../api/routes.ts';
import type { Progress } from '../appliance/operations.ts';
import { applianceGone } from './appliance-gone.ts';

export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

// Lists of snapshots are the largest answers: a million of them would be 400 MB.
const replyBytesMax = 512 * 1024 * 1024;

/** What may be asked of an appliance, whatever lies in between. */
export type ApplianceApi = Pick<ApiClient, 'call' | 'run'>;

/** Asks the appliance behind a state folder's control socket. Errors are those of the appliance, or `appliance_gone`. */
export class ApiClient {
  readonly #stateFolder: string;

  constructor(stateFolder: string) {
    this.#stateFolder = stateFolder;
  }

  async call<N extends PlainName>(operation: N, ask: RequestOf<N>): Promise<ReplyOf<N>> {
    const response = await this.#send(operation, ask);
    const reply: unknown = JSON.parse(await wholeText(response));
    if (response.statusCode !== 200) throw fromProblem(asProblem(reply));
    return reply as ReplyOf<N>;
  }

  /** Runs long work to its end. Aborting the signal closes the connection and rejects with the signal's reason. */
  async run<N extends WorkName>(operation: N, ask: RequestOf<N>, options: RunOptions = {}): Promise<ResultOf<N>> {
    const response = await this.#send(operation, ask, options.signal);
    if (response.statusCode !== 200) throw fromProblem(asProblem(JSON.parse(await wholeText(response))));
    try {
      for await (const line of jsonLines(response)) {
        if ('result' in line) return line.result as ResultOf<N>;
        if ('error' in line) throw fromProblem(asProblem(line.error));
        if ('progress' in line) options.onProgress?.(line.progress as Progress);
      }
    } catch (error) {
      if (options.signal?.aborted) throw options.signal.reason;
      throw isAppError(error) ? error : applianceGone(error);
    }
    throw applianceGone();
  }

  async #send(operation: keyof typeof routeTable, ask: unknown, signal?: AbortSignal): Promise<IncomingMessage> {
    const { method, url } = routeTable[operation];
    // A question has texts only.
    const query = method === 'GET' ? new URLSearchParams(ask as Record<string, string>).toString() : '';
    using socket = controlSocketPath(this.#stateFolder);
    const outgoing = request({
      socketPath: socket.path,
      path: query === '' ? url : `${url}?${query}`,
      method,
      headers: method === 'POST' ? { 'content-type': 'application/json' } : {},
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    });
    outgoing.end(method === 'POST' ? JSON.stringify(ask) : undefined);
    try {
      const [response]: IncomingMessage[] = await once(outgoing, 'response');
      assert(response !== undefined, 'a response comes with its event');
      return response;
    } catch (error) {
      throw signal?.aborted ? signal.reason : applianceGone(error);
    }
  }
}

async function* jsonLines(response: IncomingMessage): AsyncGenerator<object> {
  let rest = '';
  response.setEncoding('utf8');
  for await (const part of response) {
    const lines = (rest + part).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line);
  }
}

async function wholeText(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response) {
    parts.push(part);
    bytes += part.length;
    if (bytes > replyBytesMax) throw applianceGone(new Error('the answer is too large'));
  }
  return Buffer.concat(parts).toString();
}

function asProblem(reply: unknown): Problem {
  const isProblem = typeof reply === 'object' && reply !== null && 'code' in reply && 'advice' in reply;
  if (!isProblem) throw applianceGone(new Error('the answer is of another program'));
  return reply as Problem;
}
