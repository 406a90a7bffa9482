import { once } from "node:events";
import {
  Cluster,
  type ClusterOptions,
  type ClusterProcess,
  freePort,
  TcpProxy,
} from "@openclaw/testing";

interface Edge {
  readonly port: number;
  process: ClusterProcess;
}

/**
 * A cluster whose edges have ports of their own, behind a load balancer. The balancer deals out connections in turn and
 * does not know which edge is alive. A dead edge's turn is a connection that closes at once.
 */
export class BalancedGateway {
  readonly cluster: Cluster;
  readonly proxy: TcpProxy;
  readonly #edges: Edge[] = [];
  #turn = 0;

  private constructor(cluster: Cluster, proxy: TcpProxy) {
    this.cluster = cluster;
    this.proxy = proxy;
    proxy.target = () => {
      this.#turn += 1;
      const edge = this.#edges[this.#turn % this.#edges.length];
      return { host: "127.0.0.1", port: edge?.port ?? 0 };
    };
  }

  static async start(options: ClusterOptions): Promise<BalancedGateway> {
    const cluster = await Cluster.start({ ...options, edges: 0 });
    const nowhere = { host: "127.0.0.1", port: 9 };
    const gateway = new BalancedGateway(cluster, await TcpProxy.start(nowhere));
    try {
      for (let edge = 0; edge < (options.edges ?? 2); edge += 1) await gateway.#add();
    } catch (error) {
      await gateway.stop();
      throw error;
    }
    return gateway;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.proxy.port}`;
  }

  get edges(): number {
    return this.#edges.length;
  }

  /** Ends one edge and resolves when it is gone. */
  async end(index: number, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const { process } = this.#edge(index).process;
    const exited = once(process, "exit");
    process.kill(signal);
    await exited;
  }

  /** Starts an edge again where one has ended, from another checkout perhaps. */
  async restart(index: number, checkout?: string): Promise<void> {
    const edge = this.#edge(index);
    edge.process = await this.cluster.add("edge", { EDGE_PORT: String(edge.port) }, checkout);
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    await this.cluster.stop();
  }

  async #add(): Promise<void> {
    const port = await freePort();
    this.#edges.push({
      port,
      process: await this.cluster.add("edge", { EDGE_PORT: String(port) }),
    });
  }

  #edge(index: number): Edge {
    const edge = this.#edges[index];
    if (!edge) throw new RangeError(`there is no edge ${index}`);
    return edge;
  }
}
