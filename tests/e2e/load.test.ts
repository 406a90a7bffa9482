/** Many users at once, and the death of a worker among them. */
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V1Client } from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import { SHIPPED_NAMES, simulatedGateway, startSimulator } from "./simulated-gateway.ts";

let simulator: Simulator;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(
    profilesAt({ ...INSTANT, firstTokenMs: 30, piecesPerSecond: 100 }),
  );
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url, { pool: { connections: 400 } }),
    env: { LOG_LEVEL: "warn", WORKER_CONCURRENCY: "400" },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

const clients: V1Client[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

async function connectAll(count: number): Promise<V1Client[]> {
  const connected = await Promise.all(
    Array.from({ length: count }, (_, user) => V1Client.connect(cluster.url(`user-${user}`))),
  );
  clients.push(...connected);
  return connected;
}

test("200 users, 5 runs each: every text byte-exact, every run exactly one terminal", async () => {
  const users = await connectAll(200);
  await Promise.all(
    users.map(async (client, user) => {
      for (let round = 0; round < 5; round += 1) {
        const prompt =
          round % 2 ? `用户${user}的第${round}个问题` : `question ${round} of user ${user}`;
        const profile = SHIPPED_NAMES[(user + round) % SHIPPED_NAMES.length];
        const reply = await client.ask(prompt, profile, 60_000);
        expect(reply.terminal).toEqual({ type: "done" });
        expect(reply.text).toBe(answerFor({ prompt, ...(profile && { profile }) }));
      }
    }),
  );
  expect(users.reduce((sum, client) => sum + client.unclaimedSignals, 0)).toBe(0);
  expect(users.map((client) => client.textSoFar).join("")).toBe("");
});

test("kill -9 of one of two workers: every open run ends within 10 s, right or with an error", async () => {
  const users = await connectAll(100);
  const asked = users.map((client, user) => ({
    client,
    prompt: directive({ words: 60, seed: user, gapMs: 30 }),
    profile: SHIPPED_NAMES[user % SHIPPED_NAMES.length],
  }));
  for (const { client, prompt, profile } of asked) client.say(prompt, profile);
  await eventually("text everywhere", () => users.every((client) => client.textSoFar !== ""));

  const [victim] = cluster.processes("worker");
  victim?.process.kill("SIGKILL");
  const killedAt = performance.now();

  const replies = await Promise.all(asked.map(({ client }) => client.reply(12_000)));
  expect(performance.now() - killedAt).toBeLessThan(12_000);
  let rescued = 0;
  for (const [index, reply] of replies.entries()) {
    const { prompt, profile } = asked[index] ?? {};
    if (reply.terminal.type === "done") {
      rescued += 1;
      expect(reply.text).toBe(answerFor({ prompt: prompt ?? "", ...(profile && { profile }) }));
    } else expect(reply.terminal).toMatchObject({ type: "error", retryable: true });
  }
  expect(rescued).toBe(100);
  expect(users.reduce((sum, client) => sum + client.unclaimedSignals, 0)).toBe(0);
});
