/** Tests that have a cluster of their own each, with one provider and no stand-in. */
import { INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, V2Client } from "@openclaw/testing";
import { test as base, inject } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

export interface OneProvider {
  readonly simulator: Simulator;
  readonly cluster: Cluster;
  readonly client: V2Client;
}

export interface OneProviderOptions {
  readonly workers?: number;
  /** More environment for every process. */
  readonly env?: Readonly<Record<string, string>>;
}

export const test = base.extend(
  "start",
  ({ onTestFinished }) =>
    async (
      provider: Record<string, unknown>,
      { workers = 1, env }: OneProviderOptions = {},
    ): Promise<OneProvider> => {
      const simulator = await startSimulator(profilesAt(INSTANT));
      onTestFinished(() => simulator.stop());
      const { zhipu } = simulatedGateway(simulator.url).providers;
      const cluster = await Cluster.start({
        redisUrl: inject("redisUrl"),
        gateway: { providers: { zhipu: { ...zhipu, ...provider } } },
        edges: 1,
        workers,
        env: { EDGE_MAX_RUNS_PER_CONNECTION: "1000", EDGE_QUEUE_TIMEOUT_MS: "60000", ...env },
      });
      onTestFinished(() => cluster.stop());
      const client = await V2Client.connect(cluster.url());
      onTestFinished(() => client.close());
      return { simulator, cluster, client };
    },
);
