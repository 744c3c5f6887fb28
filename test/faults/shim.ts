import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';

const source = join(import.meta.dirname, 'shim', 'fault-shim.c');

/** Why this machine cannot run the tests with the shim, for a test to skip; undefined when it can. */
export function whyNoShim(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (spawnSync('cc', ['--version']).error !== undefined) return 'needs a C compiler: apt-get install gcc libc6-dev';
  return undefined;
}

/** Compiles the shim into `folder` and returns its path. */
export function buildShim(folder: string): string {
  const library = join(folder, 'fault-shim.so');
  const made: SpawnSyncReturns<string> = spawnSync('cc', ['-O2', '-shared', '-fPIC', '-o', library, source], {
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`the shim does not compile: ${made.stderr}`);
  return library;
}

/** What the shim is to do in a process: see the head of its source. */
export interface ShimTask {
  readonly root: string;
  readonly log?: string;
  /** Reads come into the log, too. */
  readonly logReads?: boolean;
  /** Only in processes with this text in their command line. */
  readonly arm?: string;
  /** CALL:N:before|half|after */
  readonly kill?: string;
  /** CALL:N:ERRNO:once|on */
  readonly fail?: string;
  /** CALL:N:SECONDS */
  readonly hang?: string;
  readonly told?: string;
  readonly syncMicroseconds?: number;
  /** A file that is read as the kernel's boot id. */
  readonly bootId?: string;
}

/** The environment in which a process and all its children run with the shim. */
export function shimEnvironment(library: string, task: ShimTask): NodeJS.ProcessEnv {
  const { root, log, logReads, arm, kill, fail, hang, told, syncMicroseconds, bootId } = task;
  const wanted = {
    FAULT_LOG: log,
    FAULT_READS: logReads === true ? '1' : undefined,
    FAULT_ARM: arm,
    FAULT_KILL: kill,
    FAULT_FAIL: fail,
    FAULT_HANG: hang,
    FAULT_TOLD: told,
    FAULT_SYNC_US: syncMicroseconds === undefined ? undefined : String(syncMicroseconds),
    FAULT_BOOT: bootId,
  };
  const given = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
  // Node keeps its compiled code beside the shim: a process that is started a hundred times starts in half the time.
  const cache = join(dirname(library), 'compiled');
  return {
    ...process.env,
    ...given,
    LD_PRELOAD: library,
    NODE_COMPILE_CACHE: cache,
    UV_USE_IO_URING: '0',
    FAULT_ROOT: root,
  };
}
