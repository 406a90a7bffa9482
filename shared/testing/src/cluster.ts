/** A cluster of real processes, as it runs in production, under a key prefix of its own. */
import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freePort } from "@openclaw/runtime";
import { Scraped } from "./scraped.ts";

export type ServiceName = "edge" | "worker";

export interface ClusterOptions {
  readonly redisUrl: string;
  /** Contents of gateway.config.json. */
  readonly gateway: unknown;
  readonly edges?: number;
  readonly workers?: number;
  /** More environment for every process. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ClusterProcess {
  readonly name: string;
  readonly process: ChildProcess;
  /** Log lines, parsed. */
  readonly logs: Record<string, unknown>[];
  /** Where it answers operators, by path; set by the time it is ready. */
  admin: (path: string) => string;
}

/** Clusters start one after the other, as processes that start take the time of those that are measured. */
let starting: Promise<unknown> = Promise.resolve();

export class Cluster {
  /** More environment for every process that is started from now on. */
  readonly env: Record<string, string> = {};
  readonly keyPrefix = `test-${randomUUID().slice(0, 8)}:`;
  readonly #options: ClusterOptions;
  readonly #processes = new Map<string, ClusterProcess>();
  readonly #ready = new Set<string>();
  #directory = "";
  #port = 0;

  private constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** Starts every process and resolves when all are ready. The services must have been built. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    const started = starting.then(() => cluster.#start());
    starting = started.catch(() => undefined); // told below
    try {
      await started;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Where a v1 client connects. */
  url(session?: string): string {
    return `ws://${this.host}/ws/stream${session === undefined ? "" : `/${session}`}`;
  }

  /** Those that are ready and have not exited. */
  running(service: ServiceName): ClusterProcess[] {
    return this.ready(service).filter(
      ({ process }) => process.exitCode === null && process.signalCode === null,
    );
  }

  /** Those that came to be ready, whatever became of them. */
  ready(service: ServiceName): ClusterProcess[] {
    return this.processes(service).filter(({ name }) => this.#ready.has(name));
  }

  /** All that were ever started. */
  processes(service: ServiceName): ClusterProcess[] {
    return [...this.#processes.values()].filter(({ name }) => name.startsWith(service));
  }

  /** Log lines of a service with this message, over all its processes. */
  logs(service: ServiceName, message: string): Record<string, unknown>[] {
    return this.processes(service).flatMap(({ logs }) => logs.filter(({ msg }) => msg === message));
  }

  /** The metrics of every process of a service that runs, or of all. */
  scrape(...services: readonly ServiceName[]): Promise<Scraped> {
    const asked = services.length > 0 ? services : (["edge", "worker"] as const);
    const running = asked.flatMap((service) => this.running(service));
    return Scraped.of(running.map(({ admin }) => admin("/metrics")));
  }

  /**
   * Starts one more process and resolves when it is ready.
   *
   * @param own environment of this one alone
   * @param checkout where it is built, if not here
   */
  async add(
    service: ServiceName,
    own: Readonly<Record<string, string>> = {},
    checkout = ".",
  ): Promise<ClusterProcess> {
    const { redisUrl, env } = this.#options;
    const name = `${service}-${this.#processes.size + 1}`;
    const child = fork(resolve(checkout, `services/${service}/dist/main.js`), {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // Not the test runner's own flags: they would make it run from source.
      execArgv: [],
      env: {
        PATH: process.env.PATH,
        REDIS_URL: redisUrl,
        REDIS_KEY_PREFIX: this.keyPrefix,
        GATEWAY_CONFIG: join(this.#directory, "gateway.config.json"),
        EDGE_PORT: String(this.#port),
        EDGE_ADMIN_PORT: "0",
        WORKER_ADMIN_PORT: "0",
        ...env,
        ...this.env,
        ...own,
      },
    });
    const started: ClusterProcess = { name, process: child, logs: [], admin: (path) => path };
    child.on("message", (message: { type?: unknown; port?: unknown }) => {
      if (message.type !== "admin") return;
      started.admin = (path) => `http://127.0.0.1:${message.port}${path}`;
    });
    this.#processes.set(name, started);
    const complaints = collect(child, started.logs);
    await ready(name, child, complaints);
    this.#ready.add(name);
    return started;
  }

  /**
   * Replaces gateway.config.json while the processes run, at one stroke, as editors do.
   *
   * @param gateway its contents; a string is written as it is, JSON or not
   */
  async configure(gateway: unknown): Promise<void> {
    const text = typeof gateway === "string" ? gateway : JSON.stringify(gateway);
    const path = join(this.#directory, "gateway.config.json");
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  }

  /** Ends every process at once and removes the configuration. */
  async stop(): Promise<void> {
    await Promise.all([...this.#processes.values()].map(({ process }) => end(process)));
    if (this.#directory) await rm(this.#directory, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const { gateway, edges = 2, workers = 2 } = this.#options;
    this.#port = await freePort();
    this.#directory = await mkdtemp(join(tmpdir(), "openclaw-test-cluster-"));
    await this.configure(gateway);
    const wanted = [
      ...Array.from({ length: workers }, () => "worker" as const),
      ...Array.from({ length: edges }, () => "edge" as const),
    ];
    await Promise.all(wanted.map((service) => this.add(service)));
  }
}

function collect(child: ChildProcess, logs: Record<string, unknown>[]): string[] {
  const complaints: string[] = [];
  let rest = "";
  child.stdout?.on("data", (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) logs.push(JSON.parse(line));
  });
  child.stderr?.on("data", (chunk) => complaints.push(String(chunk)));
  return complaints;
}

async function ready(name: string, child: ChildProcess, complaints: string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.on("message", (message) => {
      if ((message as { type?: string }).type === "ready") resolve();
    });
    child.on("exit", (code) =>
      reject(new Error(`${name} exited (${code}): ${complaints.join("")}`)),
    );
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
