/** The conditions for a start, checked before any process starts: a mistake then costs one sentence. */
import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { promisify } from "node:util";
import {
  assertRedisRights,
  connectRedis,
  createCommandConnection,
  createLogger,
  RedisRightsError,
} from "@openclaw/runtime";
import { LaunchError } from "./launch-error.ts";
import { withoutCredentials } from "./redis-url.ts";

const OLDEST_REDIS = 7;
/** A machine that is too busy for a small script says nothing about what it can load. */
const CHECK_WITHIN_MS = 10_000;

/**
 * Asks whether an edge can run on this machine: some Nodes need a newer system for its server than for themselves.
 *
 * @param script ends with 0 if it can, else with another code and the reason on stderr
 * @throws LaunchError `unfit_machine`
 */
export async function assertEdgeRuns(script: string): Promise<void> {
  const options = { timeout: CHECK_WITHIN_MS, killSignal: "SIGKILL" } as const;
  try {
    await promisify(execFile)(process.execPath, [script], options);
  } catch (cause) {
    const { code, stderr = "" } = cause as { code?: unknown; stderr?: string }; // by execFile's contract
    // Without a code it was killed. An edge that cannot start says so itself, only later.
    if (typeof code !== "number") return;
    throw new LaunchError("unfit_machine", stderr.trim(), { cause });
  }
}

/**
 * Edges share their port (SO_REUSEPORT). They would also share it with the edges of another gateway, and each client
 * would reach one of the two by chance. Hence an exclusive listen first.
 *
 * @throws LaunchError `port_unavailable`
 */
export function assertPortFree(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const message = portSentence(host, port, cause.code);
      reject(new LaunchError("port_unavailable", message, { cause }));
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}

function portSentence(host: string, port: number, code = "unknown error"): string {
  const choose = "choose another with --port or EDGE_PORT";
  if (code === "EADDRINUSE") return `Port ${port} on ${host} is already in use: ${choose}.`;
  if (code === "EACCES") return `Port ${port} on ${host} needs more rights: ${choose}.`;
  return `Cannot listen on ${host}, port ${port} (${code}): check EDGE_HOST, or ${choose}.`;
}

/**
 * Asks the Redis of `REDIS_URL` for its version, which proves address and password, and for the rights of its user.
 *
 * @param keyPrefix what keys and channels of the gateway begin with
 * @throws LaunchError `redis_unusable`
 */
export async function assertRedisUsable(url: string, keyPrefix: string): Promise<void> {
  const where = withoutCredentials(url);
  if (where === undefined) {
    throw unusable("REDIS_URL is not a Redis URL: it looks like redis://HOST:6379.");
  }
  const log = createLogger({ service: "launcher", level: "silent" });
  const redis = createCommandConnection({ url, name: "launcher:preflight", log });
  // What the connection reports says why; what connecting rejects with says only that it is closed.
  let reported: unknown;
  redis.on("error", (error) => {
    reported = error;
  });
  try {
    await connectRedis(redis);
    const info = await redis.info("server").catch(async (error: unknown) => {
      // A user without that right may lack more rights, and the error names all of them at once.
      await assertRedisRights({ redis, keyPrefix });
      throw error;
    });
    const version = /redis_version:(\S+)/.exec(info)?.[1];
    if (version !== undefined && Number.parseInt(version, 10) < OLDEST_REDIS) {
      throw unusable(`The Redis at ${where} is version ${version}: 7 or later is needed.`);
    }
    await assertRedisRights({ redis, keyPrefix });
  } catch (error) {
    if (error instanceof LaunchError) throw error;
    if (error instanceof RedisRightsError) throw unusable(error.message, error);
    const cause = reported ?? error;
    const why = cause instanceof Error ? ` (${cause.message})` : "";
    throw unusable(`The Redis of REDIS_URL, ${where}, cannot be used${why}.`, cause);
  } finally {
    redis.disconnect();
  }
}

function unusable(message: string, cause?: unknown): LaunchError {
  return new LaunchError("redis_unusable", message, { cause });
}
