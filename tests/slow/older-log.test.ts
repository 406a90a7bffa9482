/** Redis comes back with an older log while the places of a provider are taken. */
import { directive, INSTANT, profilesAt } from "@openclaw/simulator";
import { Cluster, eventually, FaultyRedis } from "@openclaw/testing";
import { expect, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { SteadyReader } from "../e2e/steady-reader.ts";

const PLACES = 2;
const RUNS = 5;
/** A run that is cut back waits for those in front of it, longer than one without a job is waited for. */
const ANSWER = { words: 80, gapMs: 100 };

test("runs that Redis knows less of than their readers are whole, though their next attempts have to wait", async ({
  onTestFinished,
}) => {
  const redis = await FaultyRedis.start();
  onTestFinished(() => redis.stop());
  const simulator = await startSimulator(profilesAt(INSTANT));
  onTestFinished(() => simulator.stop());
  const timeouts = { queueMs: 120_000 };
  const gateway = simulatedGateway(simulator.url, { maxConcurrency: PLACES, timeouts });
  const cluster = await Cluster.start({ redisUrl: redis.url, gateway, edges: 1 });
  onTestFinished(() => cluster.stop());

  const readers: SteadyReader[] = [];
  for (let seed = 0; seed < RUNS; seed += 1) {
    readers.push(await SteadyReader.start(cluster.url(), directive({ ...ANSWER, seed }), "zhipu"));
  }
  const begun = () => readers.filter(({ run }) => run.text.length > 10);
  await eventually("the first answers", () => begun().length === PLACES);
  await redis.remember();
  const known = begun().map(({ run }) => run.text.length);
  const ahead = () => begun().every(({ run }, at) => run.text.length > (known[at] ?? 0) + 20);
  await eventually("more of them", ahead);
  await redis.goBack();
  const ends = await Promise.all(readers.map((reader) => reader.end(120_000)));
  expect(ends).toEqual(Array(RUNS).fill({ outcome: "done", faults: [] }));
});
