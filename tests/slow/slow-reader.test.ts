/** A client that stops reading, in the company of one that does not. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V1Client } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";

const ANSWERS = 12;
const MEGABYTE = 1024 * 1024;

let simulator: Simulator;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url),
    edges: 1,
    workers: 1,
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

async function residentBytes(): Promise<number> {
  const [edge] = cluster.processes("edge");
  const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", `${edge?.process.pid}`]);
  return Number(stdout) * 1024;
}

const endedRuns = () => cluster.logs("edge", "run finished").length;

test("is held back in bounded memory, hurts nobody, and is caught up byte for byte", async () => {
  const client = await V1Client.connect(cluster.url());
  const other = await V1Client.connect(cluster.url());
  const asked = Array.from({ length: ANSWERS }, (_, seed) => directive({ words: 200_000, seed }));
  client.pause();
  for (const message of asked) client.say(message, "zhipu");

  // The kernel takes the first answers. Held back is when none ends for three seconds.
  let [count, since] = [0, performance.now()];
  await eventually(
    "the edge to hold back",
    () => {
      if (endedRuns() !== count) [count, since] = [endedRuns(), performance.now()];
      return count > 0 && performance.now() - since > 3_000;
    },
    { withinMs: 120_000, everyMs: 50 },
  );
  expect(count).toBeLessThan(ANSWERS);

  const before = await residentBytes();
  for (let round = 0; round < 20; round += 1) {
    const reply = await other.ask(directive({ text: `calm ${round}` }), "hunyuan", 2_000);
    expect(reply.text).toBe(`calm ${round}`);
  }
  expect((await residentBytes()) - before).toBeLessThan(32 * MEGABYTE);

  client.resume();
  for (const prompt of asked) {
    const reply = await client.reply(60_000);
    expect(reply.terminal).toEqual({ type: "done" });
    // Not toBe: a difference would print megabytes.
    expect(reply.text === answerFor({ prompt, profile: "zhipu" })).toBe(true);
  }
  client.close();
  other.close();
});
