/** A Redis of one's own behind a network of one's own, both of which fail when told to. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type PrivateRedis, startPrivateRedis } from "@openclaw/runtime";
import { Redis } from "ioredis";
import { eventually } from "./eventually.ts";
import { TcpProxy } from "./tcp-proxy.ts";

export class FaultyRedis {
  readonly network: TcpProxy;
  readonly #directory: string;
  #server: PrivateRedis;
  #replaced: PrivateRedis[] = [];
  /** Names the directory of the data. */
  #generation = 0;

  private constructor(directory: string, server: PrivateRedis, network: TcpProxy) {
    this.#directory = directory;
    this.#server = server;
    this.network = network;
  }

  /** Starts a Redis that keeps its data on disk. */
  static async start(): Promise<FaultyRedis> {
    const directory = await mkdtemp(join(tmpdir(), "openclaw-faulty-redis-"));
    const server = await startServer(join(directory, "0"), await freePort());
    const network = await TcpProxy.start({ host: "127.0.0.1", port: server.port });
    return new FaultyRedis(directory, server, network);
  }

  /** Through the network that can be cut. */
  get url(): string {
    return `redis://127.0.0.1:${this.network.port}`;
  }

  /** Past it, for looking on. */
  get directUrl(): string {
    return this.#server.url;
  }

  /** Dies at once, as by `kill -9`. */
  async kill(): Promise<void> {
    this.#server.kill();
    await this.#server.exited;
  }

  /** Runs again after `kill`, with the data it had on disk or without any. */
  async restart({ empty }: { empty: boolean }): Promise<void> {
    if (empty) this.#generation += 1;
    const directory = join(this.#directory, String(this.#generation));
    this.#server = await startServer(directory, this.#server.port);
  }

  /** Keeps a copy of what is on disk now, for `goBack`. */
  async remember(): Promise<void> {
    const now = join(this.#directory, String(this.#generation));
    await cp(now, join(this.#directory, String(this.#generation + 1)), { recursive: true });
  }

  /** Dies, and runs again with what it had at `remember`, as from an older log. */
  async goBack(): Promise<void> {
    await this.kill();
    this.#generation += 1;
    await this.restart({ empty: false });
  }

  /** Stands still, its connections open. */
  freeze(): void {
    process.kill(this.#server.pid, "SIGSTOP");
  }

  thaw(): void {
    process.kill(this.#server.pid, "SIGCONT");
  }

  /**
   * A replica takes over, as with a managed Redis. New connections lead to the new master. Existing ones still lead
   * to the old master, which is a replica by now and only reads.
   */
  async failOver(): Promise<void> {
    this.#generation += 1;
    const directory = join(this.#directory, String(this.#generation));
    const replica = await startServer(directory, await freePort());
    await command(replica, "REPLICAOF", "127.0.0.1", this.#server.port);
    const isLinked = async () => String(await command(replica, "INFO", "replication"));
    await eventually("the replica", async () => (await isLinked()).includes("link_status:up"), {
      withinMs: 20_000,
    });
    await command(replica, "REPLICAOF", "NO", "ONE");
    await command(this.#server, "REPLICAOF", "127.0.0.1", replica.port);
    this.network.target = { host: "127.0.0.1", port: replica.port };
    this.#replaced.push(this.#server);
    this.#server = replica;
  }

  async stop(): Promise<void> {
    await this.network.stop();
    for (const server of [this.#server, ...this.#replaced]) {
      server.kill();
      await server.exited;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function startServer(directory: string, port: number): Promise<PrivateRedis> {
  return startPrivateRedis({
    directory,
    port,
    appendOnly: true,
    removeIfAbandoned: directory,
    // Each write is with the kernel before it is acknowledged, so that a killed process loses none.
    // `everysec` sounds safer, but holds writes back while a sync is under way.
    extraArguments: ["--appendfsync", "no", "--repl-diskless-sync-delay", "0"],
  });
}

async function command({ url }: PrivateRedis, name: string, ...args: (string | number)[]) {
  const redis = new Redis(url);
  try {
    return await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}
