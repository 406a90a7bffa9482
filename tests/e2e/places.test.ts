/** What is configured for an account is what its users have; where something else is the bound, it is named. */
import { directive, INSTANT, profilesAt } from "@openclaw/simulator";
import { Cluster, eventually, V2Client } from "@openclaw/testing";
import { test as base, expect, inject } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const test = base.extend(
  "start",
  ({ onTestFinished }) =>
    async (provider: Record<string, unknown>, env: Record<string, string> = {}) => {
      const simulator = await startSimulator(profilesAt(INSTANT));
      onTestFinished(() => simulator.stop());
      const { zhipu } = simulatedGateway(simulator.url).providers;
      const cluster = await Cluster.start({
        redisUrl: inject("redisUrl"),
        gateway: { providers: { zhipu: { ...zhipu, ...provider } } },
        edges: 1,
        workers: 2,
        env: { EDGE_MAX_RUNS_PER_CONNECTION: "1000", EDGE_QUEUE_TIMEOUT_MS: "60000", ...env },
      });
      onTestFinished(() => cluster.stop());
      const client = await V2Client.connect(cluster.url());
      onTestFinished(() => client.close());
      return { cluster, client };
    },
);

test.concurrent("300 users of an account for 2,000, with nothing else set: all are at work together", async ({
  start,
}) => {
  const { client } = await start({ maxConcurrency: 2_000 });
  const askedAt = performance.now();
  const runs = await Promise.all(
    Array.from({ length: 300 }, (_, seed) =>
      client.run(directive({ words: 40, gapMs: 400, seed })),
    ),
  );
  const started = () => new Set(client.all("started").map(({ run }) => run)).size;
  await eventually("all to start", () => started() === runs.length, { withinMs: 12_000 });
  const tookMs = Math.round(performance.now() - askedAt);
  // Each goes on for 16 s: none has made room for another.
  expect(runs.flatMap(({ terminals }) => terminals)).toEqual([]);
  console.log(`300 runs of an account for 2,000, 2 workers: all started after ${tookMs} ms`);
});
