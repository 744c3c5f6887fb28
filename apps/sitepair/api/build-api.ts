import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, fastify, LogController } from 'fastify';
import { AppError, isAppError, systemClock, systemTimers } from '#runtime';
import type { Operations, Run } from '../appliance/operations.ts';
import { acceptClients } from './accept-clients.ts';
import { ConnectedClients } from './connected-clients.ts';
import { metricsContentType, metricsText } from './metrics.ts';
import { problemContentType, toProblem } from './problem.ts';
import { routes } from './routes.ts';
import { workStream } from './work-stream.ts';

// The largest honest request is an invitation's code.
const bodyBytesMax = 64 * 1024;

export interface ApiOptions {
  readonly logger: FastifyBaseLogger;
}

/**
 * The HTTP API of an appliance: the routes of `routes.ts` over `operations`, errors as problems (RFC 9457), and the client
 * protocol as a WebSocket. Who may connect is the business of whoever listens.
 */
export function buildApi(operations: Operations, { logger }: ApiOptions): FastifyInstance {
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyBytesMax,
    forceCloseConnections: 'idle',
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  }).withTypeProvider<TypeBoxTypeProvider>();
  const stopping = new AbortController();

  app.setErrorHandler((error, request, reply) => sendError(error, request.log, reply));
  app.setNotFoundHandler((request) => {
    throw new AppError(`this appliance has no ${request.method} ${request.url.split('?', 1)[0]}`, {
      code: 'unknown_route',
      advice: 'Check that the appliance and the program that asks run the same version (--version).',
    });
  });
  const clients = new ConnectedClients(app.server);
  app.addHook('preClose', async () => {
    stopping.abort(applianceStopping());
    clients.dropSilent();
  });

  /** Answers with the lines of a piece of work; it ends with its client only when `endsWithClient`. */
  function answerWork(reply: FastifyReply, endsWithClient: boolean, work: (run: Run) => Promise<unknown>) {
    const gone = new AbortController();
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) gone.abort(clientGone());
    });
    const stream = workStream(work, {
      clock: systemClock,
      timers: systemTimers,
      signal: endsWithClient ? AbortSignal.any([stopping.signal, gone.signal]) : stopping.signal,
      onError: (error) => logFailure(error, reply.log),
    });
    return reply.type('application/x-ndjson').send(stream);
  }

  app.route({ ...routes.status, handler: () => operations.status() });

  app.route({ ...routes.pairInvite, handler: ({ body }) => operations.pairInvite(body) });
  app.route({ ...routes.pairAccept, handler: ({ body }) => operations.pairAccept(body) });
  app.route({ ...routes.pairConfirm, handler: ({ body }) => operations.pairConfirm(body) });
  app.route({ ...routes.pairList, handler: () => operations.pairList() });
  app.route({ ...routes.pairSetAddresses, handler: ({ body }) => operations.pairSetAddresses(body) });
  app.route({ ...routes.pairRemove, handler: ({ body }) => operations.pairRemove(body) });

  app.route({ ...routes.agentInvite, handler: ({ body }) => operations.agentInvite(body) });
  app.route({ ...routes.agentList, handler: () => operations.agentList() });
  app.route({ ...routes.agentRevoke, handler: ({ body }) => operations.agentRevoke(body) });

  app.route({ ...routes.datasets, handler: () => operations.datasets() });
  app.route({ ...routes.snapshots, handler: ({ query }) => operations.snapshots(query) });
  app.route({ ...routes.snapshot, handler: ({ query }) => operations.snapshot(query) });

  app.route({
    ...routes.replicate,
    handler: ({ body }, reply) => answerWork(reply, false, (run) => operations.replicate(body, run)),
  });
  app.route({
    ...routes.replicateExport,
    handler: ({ body }, reply) => answerWork(reply, true, (run) => operations.replicateExport(body, run)),
  });
  app.route({
    ...routes.replicateImport,
    handler: ({ body }, reply) => answerWork(reply, true, (run) => operations.replicateImport(body, run)),
  });
  app.route({
    ...routes.scrub,
    handler: ({ body }, reply) => answerWork(reply, true, (run) => operations.scrub(body, run)),
  });
  app.route({
    ...routes.storeCheck,
    handler: (_, reply) => answerWork(reply, true, (run) => operations.storeCheck(run)),
  });
  app.route({
    ...routes.storeReindex,
    handler: (_, reply) => answerWork(reply, false, (run) => operations.storeReindex(run)),
  });
  app.route({ ...routes.catalogDigest, handler: () => operations.catalogDigest() });

  app.route({ ...routes.linkLimits, handler: async () => operations.linkLimits() });
  app.route({ ...routes.linkLimit, handler: async ({ body }) => operations.linkLimit(body) });
  app.route({ ...routes.linkWindow, handler: async ({ body }) => operations.linkWindow(body) });
  app.route({ ...routes.linkHold, handler: async ({ body }) => operations.linkHold(body) });
  app.route({ ...routes.linkClass, handler: async ({ body }) => operations.linkClass(body) });

  app.route({ ...routes.linkHealth, handler: async ({ query }) => operations.linkHealth(query) });
  app.route({ ...routes.linkHistory, handler: async ({ body }) => operations.linkHistory(body) });

  app.route({
    ...routes.linkTest,
    handler: ({ body }, reply) => answerWork(reply, true, (run) => operations.linkTest(body, run)),
  });

  app.get('/metrics', (_, reply) => reply.type(metricsContentType).send(metricsText(operations.linkHealth({}))));

  app.route({ ...routes.keyRotate, handler: () => operations.keyRotate() });
  app.route({ ...routes.keyKit, handler: ({ body }) => operations.keyKit(body) });
  app.route({ ...routes.keyKitKept, handler: ({ body }) => operations.keyKitKept(body) });

  acceptClients(app, operations, stopping.signal);
  return app;
}

function sendError(error: unknown, log: FastifyBaseLogger, reply: FastifyReply) {
  const problem = toProblem(isAppError(error) ? error : (refusedRequest(error) ?? error));
  if (!isAppError(error)) logFailure(error, log);
  return reply.code(problem.status).type(problemContentType).send(JSON.stringify(problem));
}

/** What Fastify itself refuses: a request that is not valid, too large, or of another type. */
function refusedRequest(error: unknown): AppError | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return undefined;
  if (error.statusCode < 400 || error.statusCode >= 500) return undefined;
  return new AppError('the appliance refused the request', {
    code: 'bad_request',
    advice: 'Check the values given; if a Sitepair program sent it, check that both run the same version (--version).',
    cause: error,
  });
}

/** The caller is told what went wrong; the log keeps what only a developer can use. */
function logFailure(error: unknown, log: FastifyBaseLogger): void {
  if (!isAppError(error)) log.error({ err: error }, 'a request failed in an unforeseen way');
}

function applianceStopping(): AppError {
  return new AppError('the appliance is stopping', {
    code: 'appliance_stopping',
    retryable: true,
    advice: 'Run the command again once the appliance is back: what was done is kept.',
  });
}

function clientGone(): AppError {
  return new AppError('whoever asked for this has gone', {
    code: 'cancelled',
    retryable: true,
    advice: 'Run the command again.',
  });
}
