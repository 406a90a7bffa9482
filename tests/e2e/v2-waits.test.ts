/** Protocol v2 where little happens for seconds: what waits in a queue, comes back, dies or leaves. */
import { answerFor, directive, INSTANT, profilesAt } from "@openclaw/simulator";
import { Cluster, eventually, V2Client, type V2Run } from "@openclaw/testing";
import { test as base, expect, inject } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

/** Each test has a cluster of its own, and mostly waits: they run together. */
const test = base.extend("start", ({ onTestFinished }) => {
  const clients: V2Client[] = [];
  return async (options: { workers?: number; env?: Record<string, string> } = {}) => {
    const simulator = await startSimulator(profilesAt(INSTANT));
    onTestFinished(() => simulator.stop());
    const { zhipu } = simulatedGateway(simulator.url).providers;
    const cluster = await Cluster.start({
      redisUrl: inject("redisUrl"),
      gateway: {
        providers: {
          zhipu,
          narrow: { ...zhipu, maxConcurrency: 1 },
          dead: { ...zhipu, baseUrl: "http://127.0.0.1:9/v1", fallback: ["narrow"] },
        },
        defaultProvider: "zhipu",
      },
      edges: 1,
      workers: 1,
      ...options,
    });
    onTestFinished(() => cluster.stop());
    onTestFinished(() => {
      for (const client of clients) client.close();
      expect(clients.flatMap(({ faults }) => faults)).toEqual([]);
    });
    const connect = async (session?: string): Promise<V2Client> => {
      // The kernel may hand a connection to an edge that is just dying; a client that comes back tries again.
      const client = await eventually("a connection", () =>
        V2Client.connect(cluster.url(session)).catch(() => undefined),
      );
      clients.push(client);
      return client;
    };
    return { cluster, connect };
  };
});

async function expectWhole(client: V2Client, run: V2Run, prompt: string) {
  const end = await client.end(run);
  expect(end).toMatchObject({ type: "done", finish: "stop" });
  expect(run.text).toBe(answerFor({ prompt, profile: "zhipu" }));
  expect(run.terminals).toHaveLength(1);
}

const SLOW = directive({ words: 60, gapMs: 30 });
const beganToSpeak = (run: V2Run) => eventually("some text", () => run.text.length > 20);

test.concurrent("kill -9 of the worker: `restart`, then the whole answer of one attempt, within 5 s", async ({
  start,
}) => {
  const gateway = await start({ workers: 2 });
  const client = await gateway.connect();
  const runs = await Promise.all(Array.from({ length: 12 }, () => client.run(SLOW, "zhipu")));
  for (const run of runs) await beganToSpeak(run);
  gateway.cluster.processes("worker")[0]?.process.kill("SIGKILL");
  for (const run of runs) await expectWhole(client, run, SLOW);
  expect(runs.some(({ restarts }) => restarts === 1)).toBe(true);
  expect(runs.every(({ restarts }) => restarts <= 1)).toBe(true);
});

test.concurrent("a run that waits hears of its place at least every 5 s", async ({ start }) => {
  const gateway = await start();
  const client = await gateway.connect();
  const runs = await Promise.all(
    Array.from({ length: 3 }, () => client.run(directive({ words: 40, gapMs: 60 }), "narrow")),
  );
  const last = runs[2]?.id;
  const isSecond = ({ run, position }: { run: string; position: number }) =>
    run === last && position === 1;
  const first = await client.next("queued", isSecond, 5_000);
  expect(first.waitMs).toBeGreaterThan(0);
  await client.next("queued", ({ run, position }) => run === last && position === 0, 6_000);
  for (const run of runs) await client.end(run);
});

test.concurrent("a run whose provider failed hears of its place at the next one", async ({
  start,
}) => {
  const gateway = await start();
  const client = await gateway.connect();
  const first = await client.run(directive({ words: 60, gapMs: 100 }), "narrow");
  await beganToSpeak(first);
  const second = await client.run(SLOW, "dead");
  const started = await client.next("started", ({ run }) => run === second.id, 5_000);
  expect(started.provider).toBe("dead");
  await client.next("queued", ({ run, position }) => run === second.id && position === 0, 5_000);
  expect(await client.end(first)).toMatchObject({ type: "done" });
  await expectWhole(client, second, SLOW);
});

test.concurrent("coming back in mid-answer, on an edge whose queue limit is short: the answer is not taken for a waiting one", async ({
  start,
}) => {
  const gateway = await start({ env: { EDGE_QUEUE_TIMEOUT_MS: "2000" } });
  const prompt = directive({ words: 80, gapMs: 60 });
  const client = await gateway.connect("patient");
  const run = await client.run(prompt, "zhipu");
  await beganToSpeak(run);
  client.terminate();
  const again = await gateway.connect("patient");
  await again.resume(run);
  await expectWhole(again, run, prompt);
  expect(again.all("queued")).toEqual([]);
});

test.concurrent("SIGTERM of an edge: `draining`, runs go on elsewhere, close 4001", async ({
  start,
}) => {
  const gateway = await start({ env: { EDGE_DRAIN_MS: "600" } });
  const client = await gateway.connect("moving");
  // Not over when another edge has started, on a busy machine either.
  const prompt = directive({ words: 250, gapMs: 60 });
  const run = await client.run(prompt, "zhipu");
  await beganToSpeak(run);
  const [leaving] = gateway.cluster.processes("edge");
  leaving?.process.kill("SIGTERM");
  expect(await client.next("draining")).toMatchObject({ reconnectWithinMs: 600 });
  await gateway.cluster.add("edge");
  await eventually("the close", () => client.closed, { withinMs: 5_000 });
  expect(client.closed?.code).toBe(4001);
  const again = await gateway.connect("moving");
  expect(await again.resume(run)).toMatchObject({ outcome: "replayed" });
  await expectWhole(again, run, prompt);
});
