/** Everything the launcher is told from outside: the command line and the environment. */
import { fileURLToPath } from "node:url";
import {
  clusterEnvShape,
  DEFAULT_WORKER_CONCURRENCY,
  MOST_WORKER_CONCURRENCY,
} from "@openclaw/config";
import { type Options, parseOptions, wholeNumber } from "./options.ts";

const DEFAULT_PORT = 8001;

/** The script of each service. */
export interface ServicePaths {
  readonly edge: string;
  readonly worker: string;
  readonly simulator: string;
  /** Ends with 0 where an edge can run on this machine, else says why on stderr. */
  readonly edgeCheck?: string;
}

export interface LauncherConfig extends Omit<Options, "port"> {
  readonly host: string;
  readonly port: number;
  /** How many keys clients may show. The edges look at them. */
  readonly keys: number;
  readonly publicUrl: string | undefined;
  /** Undefined: a private Redis is started. */
  readonly redisUrl: string | undefined;
  readonly keyPrefix: string;
  /** Most runs at once of each provider in one worker. */
  readonly workerConcurrency: number;
  readonly services: ServicePaths;
  /** What the children inherit. */
  readonly env: NodeJS.ProcessEnv;
}

/** @throws LaunchError `bad_option` */
export function readConfig(
  argv: readonly string[],
  services: ServicePaths = BUILT_SERVICES,
  env: NodeJS.ProcessEnv = process.env,
): LauncherConfig {
  const options = parseOptions(argv);
  return {
    ...options,
    host: env.EDGE_HOST || "127.0.0.1",
    port: options.port ?? wholeNumber("EDGE_PORT", env.EDGE_PORT, 65_535) ?? DEFAULT_PORT,
    keys: env.EDGE_API_KEYS ? env.EDGE_API_KEYS.split(",").length : 0,
    publicUrl: env.EDGE_PUBLIC_URL || undefined,
    redisUrl: env.REDIS_URL || undefined,
    keyPrefix: clusterEnvShape.REDIS_KEY_PREFIX.parse(env.REDIS_KEY_PREFIX || undefined),
    workerConcurrency:
      wholeNumber("WORKER_CONCURRENCY", env.WORKER_CONCURRENCY, MOST_WORKER_CONCURRENCY) ??
      DEFAULT_WORKER_CONCURRENCY,
    services,
    env,
  };
}

/** In `services/<name>/dist`, seen from this package's `src` and `dist` alike. */
const BUILT_SERVICES: ServicePaths = {
  edge: built("edge"),
  worker: built("worker"),
  simulator: built("simulator"),
  edgeCheck: built("edge", "check-machine.js"),
};

function built(service: string, script = "main.js"): string {
  return fileURLToPath(new URL(`../../${service}/dist/${script}`, import.meta.url));
}
