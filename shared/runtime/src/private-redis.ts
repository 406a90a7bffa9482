/**
 * A Redis of one's own: for a cluster on one machine and for tests. It listens on loopback only,
 * reads no configuration file of the machine, writes nowhere but its own directory, and ends with its owner.
 */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { type GuardedRedis, spawnGuarded } from "./redis-guard.ts";
import { answersAs, type ProbedRedis, rewriteLog } from "./redis-probe.ts";
import { LATE, poll, within } from "./waits.ts";

const OLDEST_MAJOR = 7;
const START_DEADLINE_MS = 10_000;
const STOP_DEADLINE_MS = 5_000;
/** A free port may be taken by someone else before Redis binds it. */
const PORT_ATTEMPTS = 5;
/**
 * Deleted data stays in the append-only log until the log is rewritten: once an hour, and whenever it has doubled.
 */
const REWRITE_EVERY_MS = 3_600_000;
const REWRITE_FROM = "16mb";

export interface RedisServer {
  readonly command: string;
  readonly version: string;
}

/** The first of `redis-server` and `valkey-server` on the PATH that is version 7 or later. */
export async function findRedisServer(): Promise<RedisServer | undefined> {
  for (const command of ["redis-server", "valkey-server"]) {
    const version = await versionOf(command);
    if (version !== undefined && Number.parseInt(version, 10) >= OLDEST_MAJOR) {
      return { command, version };
    }
  }
  return undefined;
}

async function versionOf(command: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(command, ["--version"], { timeout: 5_000 });
    return /v=(\d+[.\d]*)/.exec(stdout)?.[1];
  } catch {
    // Not on the PATH, or it cannot run here: either way it is no server for us.
    return undefined;
  }
}

export interface PrivateRedisOptions {
  /** Where it keeps its data; made if missing. Start again with the same one to find them again. */
  readonly directory: string;
  /** Writes survive a restart, but for the last second of a crash. Default: false. */
  readonly appendOnly?: boolean;
  /** How often the log of writes is rewritten, so that what is gone is gone from it too. Default: once an hour. */
  readonly rewriteEveryMs?: number;
  /** Letters and digits. Kept from command lines, which every user of the machine may read. Default: none is asked for. */
  readonly password?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** A directory to remove if this process dies without calling `stop`. */
  readonly removeIfAbandoned?: string;
  /** More for the command line, such as `["--enable-debug-command", "local"]`. */
  readonly extraArguments?: readonly string[];
}

export interface PrivateRedis {
  readonly url: string;
  readonly port: number;
  /** Of Redis itself, not of its guard. */
  readonly pid: number;
  /** Resolves once it is gone, wanted or not, with how: "exit code 0", "signal SIGKILL". */
  readonly exited: Promise<string>;
  /** Ends it, within 5 s, its writes on disk. Safe twice. The directory stays. */
  stop(): Promise<void>;
  /** Ends it at once, as a crash would. */
  kill(): void;
}

export class PrivateRedisError extends Error {
  readonly code: "redis_missing" | "redis_failed";

  constructor(code: PrivateRedisError["code"], message: string) {
    super(message);
    this.name = "PrivateRedisError";
    this.code = code;
  }
}

/**
 * Starts Redis and waits until it answers.
 *
 * @throws PrivateRedisError `redis_missing` without a usable server on the PATH. `redis_failed`, with Redis' last lines,
 *   if it ends while starting or does not answer within 10 s
 */
export async function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  const server = await findRedisServer();
  if (server === undefined) throw missing();
  await mkdir(options.directory, { recursive: true });
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const command = [server.command, ...(await secrets(options)), ...settings(port, options)];
    const redis = spawnGuarded(command, options.removeIfAbandoned);
    const probed = { port, password: options.password };
    const pid = await answeringPid(redis, probed);
    if (pid !== undefined) return handle(redis, pid, { ...probed, ...options, port });
    redis.signal("SIGKILL");
    await redis.exited;
    const portTaken = redis.tail.some((line) => line.includes("Address already in use"));
    if (!portTaken || options.port !== undefined || attempt === PORT_ATTEMPTS) throw failed(redis);
  }
}

function missing(): PrivateRedisError {
  return new PrivateRedisError(
    "redis_missing",
    "No Redis found: install redis-server 7 or later (apt-get install -y redis-server, " +
      "or brew install redis), or set REDIS_URL to a running Redis.",
  );
}

function failed({ tail }: GuardedRedis): PrivateRedisError {
  return new PrivateRedisError(
    "redis_failed",
    ["The private Redis did not start. Its last lines:", ...tail].join("\n  "),
  );
}

/** A file that only its owner may read, where there is something to be kept from others. */
async function secrets({ directory, password }: PrivateRedisOptions): Promise<readonly string[]> {
  if (password === undefined) return [];
  const path = join(directory, "password.conf");
  await writeFile(path, `requirepass ${password}\n`, { mode: 0o600 });
  return [path];
}

function settings(
  port: number,
  { directory, appendOnly = false, extraArguments = [] }: PrivateRedisOptions,
): readonly string[] {
  const values = [
    // A first argument that begins with "--" also means: no default configuration file.
    ["--bind", "127.0.0.1"],
    ["--port", String(port)],
    ["--protected-mode", "yes"],
    ["--dir", directory],
    ["--save", ""],
    ["--appendonly", appendOnly ? "yes" : "no"],
    ["--auto-aof-rewrite-min-size", REWRITE_FROM],
    ["--daemonize", "no"],
    // Otherwise `ps` shows only the port, and not whose Redis it is.
    ["--set-proc-title", "no"],
  ];
  return [...values.flat(), ...extraArguments];
}

/** The pid of the Redis that answers there; undefined once it is gone or the deadline passed. */
async function answeringPid(redis: GuardedRedis, probed: ProbedRedis): Promise<number | undefined> {
  const gone = new AbortController();
  void redis.exited.then(() => gone.abort());
  const pid = await redis.pid;
  if (pid === undefined) return undefined;
  const limits = { everyMs: 10, withinMs: START_DEADLINE_MS, signal: gone.signal };
  return poll(async () => ((await answersAs(pid, probed)) ? pid : undefined), limits);
}

function handle(
  redis: GuardedRedis,
  pid: number,
  {
    port,
    password,
    appendOnly = false,
    rewriteEveryMs = REWRITE_EVERY_MS,
  }: PrivateRedisOptions & ProbedRedis,
): PrivateRedis {
  // A Redis that does not answer now is asked again an hour later.
  const rewrite = () => void rewriteLog({ port, password });
  const rewriting = appendOnly ? setInterval(rewrite, rewriteEveryMs).unref() : undefined;
  void redis.exited.then(() => clearInterval(rewriting));
  return {
    url: `redis://${password === undefined ? "" : `:${password}@`}127.0.0.1:${port}`,
    port,
    pid,
    exited: redis.exited,
    kill: () => redis.signal("SIGKILL"),
    stop: async () => {
      redis.signal("SIGTERM");
      if ((await within(STOP_DEADLINE_MS, redis.exited)) === LATE) redis.signal("SIGKILL");
      await redis.exited;
    },
  };
}
