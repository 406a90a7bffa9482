/**
 * The whole cluster on one machine, started in dependency order and stopped in reverse.
 *
 * Each process is registered before it is started. So `stop` finds it after any failure halfway: a child that fails,
 * a Ctrl-C, or both at once.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPrivateRedis } from "@openclaw/runtime";
import { banner } from "./banner.ts";
import type { LauncherConfig } from "./config.ts";
import { LaunchError } from "./launch-error.ts";
import type { Output } from "./output.ts";
import { assertEdgeRuns, assertPortFree, assertRedisUsable } from "./preflight.ts";
import { type ProviderPlan, planProviders, writeSimulatedConfig } from "./providers.ts";
import { withoutCredentials } from "./redis-url.ts";
import { type ServiceProcess, startService } from "./service-process.ts";
import { type RunningProcess, SupervisedProcess } from "./supervised-process.ts";

/** How long a child drains, unless it is told otherwise. */
const DRAIN_MS = 130_000;
/** How long a child may take to leave beyond that before it is killed. */
const CLOSING_MS = 10_000;

type Administered = "edge" | "worker";

export class Launcher {
  readonly #config: LauncherConfig;
  readonly #output: Output;
  readonly #stages: SupervisedProcess[][] = [];
  /** Added to the environment of every child that starts from now on. */
  readonly #childEnv: NodeJS.ProcessEnv;
  /** By process. */
  readonly #adminPorts = new Map<string, number>();
  #directory: string | undefined;
  #started: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(config: LauncherConfig, output: Output) {
    this.#config = config;
    this.#output = output;
    this.#childEnv = {
      LOG_LEVEL: config.env.LOG_LEVEL || "warn",
      EDGE_HOST: config.host,
      EDGE_PORT: String(config.port),
    };
  }

  /**
   * Resolves with the banner once every process is ready. After a failure call `stop`.
   *
   * @throws LaunchError, PrivateRedisError or ConfigError, each a sentence for the user
   */
  start(): Promise<string> {
    const started = this.#start();
    this.#started = started.catch(() => undefined); // told through `started`
    return started;
  }

  async #start(): Promise<string> {
    const { host, port, keys, publicUrl, redisUrl, keyPrefix, edges, workers, workerConcurrency } =
      this.#config;
    const providers = planProviders(this.#config.env);
    const { edgeCheck } = this.#config.services;
    if (edgeCheck !== undefined) await assertEdgeRuns(edgeCheck);
    await assertPortFree(host, port);
    if (redisUrl !== undefined) await assertRedisUsable(redisUrl, keyPrefix);
    this.#directory = await mkdtemp(join(tmpdir(), "openclaw-"));
    const url = redisUrl ?? (await this.#startRedis(this.#directory));
    this.#childEnv.REDIS_URL = url;
    this.#childEnv.GATEWAY_CONFIG = await this.#provide(providers, this.#directory);
    await this.#startAll("worker", workers);
    await this.#startAll("edge", edges);
    const redis = { url: withoutCredentials(url) ?? "", isPrivate: redisUrl === undefined };
    const metrics = [...this.#adminPorts].map(([name, adminPort]) => ({ name, port: adminPort }));
    const size = { edges, workers, workerConcurrency };
    return banner({ host, port, ...size, keys, publicUrl, redis, metrics, providers });
  }

  /**
   * Ends everything, the edges first and Redis last, and removes what was written. Safe twice.
   *
   * @param withinMs how long answers in hand may go on in all; as long as edges or workers drain unless given
   */
  stop(withinMs?: number): Promise<void> {
    this.#stopped ??= this.#stop(withinMs);
    return this.#stopped;
  }

  /** Ends everything at once; a `stop` under way then resolves soon. */
  kill(): void {
    for (const process of this.#stages.flat()) process.kill();
  }

  async #stop(withinMs = longestDrainMs(this.#config.env)): Promise<void> {
    const deadline = performance.now() + withinMs;
    // One stage after the other: an edge may still wait for a run that no worker has begun.
    for (const stage of this.#stages.toReversed()) {
      const leftMs = Math.max(0, Math.round(deadline - performance.now()));
      await Promise.all(stage.map((process) => process.stop(leftMs)));
    }
    // A start under way begins no further stage, but may just be making its directory.
    await this.#started;
    if (this.#directory !== undefined) {
      await rm(this.#directory, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  async #startRedis(runDirectory: string): Promise<string> {
    const directory = join(runDirectory, "redis");
    let port: number | undefined;
    // Other users of this machine reach its port too. The password is needed only while this cluster runs.
    const password = randomBytes(24).toString("hex");
    const options = { directory, password, appendOnly: true, removeIfAbandoned: runDirectory };
    const [redis] = await this.#startStage(["redis"], async () => {
      // After a crash: the same port, which everyone knows, and the same data.
      const started = await startPrivateRedis({ ...options, ...(port && { port }) });
      port = started.port;
      return started;
    });
    return redis?.url ?? "";
  }

  /** @returns the `GATEWAY_CONFIG` of the children, if they need one */
  async #provide(
    { simulated, file }: ProviderPlan,
    directory: string,
  ): Promise<string | undefined> {
    if (!simulated) return file;
    const script = this.#config.services.simulator;
    let port = "0";
    const [simulator] = await this.#startStage(["simulator"], async (name, signal) => {
      const started = await this.#fork(name, script, { SIMULATOR_PORT: port }, signal);
      // The configuration names this port, so the next simulator must be found there too.
      if (started.url !== undefined) port = new URL(started.url).port;
      return started;
    });
    if (simulator?.url === undefined) {
      throw new LaunchError("child_failed", "simulator did not say where it listens.");
    }
    return writeSimulatedConfig(directory, simulator.url);
  }

  async #startAll(service: Administered, count: number): Promise<void> {
    const names = Array.from({ length: count }, (_, index) => `${service}-${index + 1}`);
    const script = this.#config.services[service];
    await this.#startStage(names, (name, signal) =>
      this.#forkAdministered(name, { service, script }, signal),
    );
  }

  /**
   * Several processes share this machine, so each gets a free admin port. A process that is started again keeps its
   * port, because scrapers know it.
   */
  async #forkAdministered(
    name: string,
    { service, script }: { service: Administered; script: string },
    signal: AbortSignal,
  ): Promise<ServiceProcess> {
    const port = this.#adminPorts.get(name) ?? 0;
    // If another process has taken it by then, the next start takes another.
    this.#adminPorts.delete(name);
    const env = { [`${service.toUpperCase()}_ADMIN_PORT`]: String(port) };
    const started = await this.#fork(name, script, env, signal);
    if (started.adminPort !== undefined) this.#adminPorts.set(name, started.adminPort);
    return started;
  }

  #startStage<P extends RunningProcess>(
    names: readonly string[],
    launch: (name: string, signal: AbortSignal) => Promise<P>,
  ): Promise<P[]> {
    if (this.#stopped !== undefined) throw new LaunchError("cancelled", "Stopped while starting.");
    const report = (line: string) => this.#output.out(`[launcher] ${line}`);
    const stage = names.map(
      (name) => new SupervisedProcess({ name, launch: (signal) => launch(name, signal), report }),
    );
    this.#stages.push(stage);
    return Promise.all(stage.map((process) => process.start()));
  }

  #fork(name: string, script: string, extra: NodeJS.ProcessEnv, signal: AbortSignal) {
    const env = { ...this.#config.env, ...this.#childEnv, ...extra };
    const graceMs = longestDrainMs(this.#config.env) + CLOSING_MS;
    return startService({ name, script, env, output: this.#output, graceMs }, signal);
  }
}

/** What is no number the service refuses by itself. */
function longestDrainMs({ EDGE_DRAIN_MS, WORKER_DRAIN_MS }: NodeJS.ProcessEnv): number {
  const told = [EDGE_DRAIN_MS, WORKER_DRAIN_MS].map(Number).filter(Number.isFinite);
  return Math.max(DRAIN_MS, ...told);
}
