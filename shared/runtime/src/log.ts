import cluster from "node:cluster";
import { type DestinationStream, type LevelWithSilent, type Logger, pino } from "pino";

export type { Logger };

export type LogLevel = LevelWithSilent;

/**
 * The process's logger: one JSON object a line, on stdout unless told otherwise. Messages are fixed
 * lower-case phrases, facts are fields. Prompt and answer text never goes in.
 */
export function createLogger(
  { service, level }: { service: string; level: LogLevel },
  destination: DestinationStream = stdout(),
): Logger {
  const options = {
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    // Keys and passwords are never passed on purpose; this catches a whole config object logged by mistake.
    serializers: { err: describeError },
    redact: { paths: [...SECRETS.flatMap((name) => [name, ...nested(name)]), ...nested("proxy")] },
  };
  return pino(options, destination);
}

/** `extraBody` may hold what an operator keeps to itself, such as the salt of a cache. */
const SECRETS = ["apiKey", "authorization", "extraBody"];

/**
 * Where a name stands in a configuration. A `proxy` has a password in its address there; as a field of its own it is
 * the proxy's host.
 */
const nested = (name: string) => [`*.${name}`, `*.*.${name}`];

/**
 * Synchronous: an asynchronous destination whose reader is gone retries for ever at exit, and a
 * process whose parent was killed would never leave.
 */
function stdout(): DestinationStream {
  // PM2 runs a cluster whose workers have its own descriptor; into an app's log goes what Node writes.
  if (cluster.isWorker) return process.stdout;
  return pino.destination({ fd: 1, sync: true });
}

interface DescribedError {
  readonly type: string;
  readonly message: string;
  readonly code?: unknown;
  readonly stack?: string;
  readonly cause?: DescribedError;
}

/**
 * What a log may know of an error. Errors carry more as properties: ioredis puts the whole command
 * there, and with it the prompt of the run that was to be queued.
 */
function describeError(error: unknown): DescribedError {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { name, message, stack, cause } = error;
  return {
    type: name,
    message,
    ...("code" in error && { code: error.code }),
    ...(stack !== undefined && { stack }),
    ...(cause !== undefined && { cause: describeError(cause) }),
  };
}
