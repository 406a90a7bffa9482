/** Many users at once, and the death of a worker among them. */
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V1Client } from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, expect, inject, test } from "vitest";
import {
  SHIPPED_NAMES,
  type ShippedName,
  simulatedGateway,
  startSimulator,
} from "./simulated-gateway.ts";

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

interface Asked {
  readonly prompt: string;
  readonly profile: ShippedName;
}

/** A question of its own for every run, so that an answer in the wrong place would be seen. */
function questionOf(user: number, round: number): Asked {
  const prompt = round % 2 ? `用户${user}的第${round}个问题` : `question ${round} of user ${user}`;
  return { prompt, profile: SHIPPED_NAMES[(user + round) % SHIPPED_NAMES.length] ?? "zhipu" };
}

function expectNothingMore(users: readonly V1Client[]): void {
  expect(users.reduce((sum, client) => sum + client.unclaimedSignals, 0)).toBe(0);
  expect(users.map((client) => client.textSoFar).join("")).toBe("");
}

test("200 users, 5 runs each: every text byte-exact, every run exactly one terminal", async () => {
  const users = await connectAll(200);
  await Promise.all(
    users.map(async (client, user) => {
      for (let round = 0; round < 5; round += 1) {
        const asked = questionOf(user, round);
        const reply = await client.ask(asked.prompt, asked.profile, 60_000);
        expect(reply.terminal).toEqual({ type: "done" });
        expect(reply.text).toBe(answerFor(asked));
      }
    }),
  );
  expectNothingMore(users);
  expect(cluster.logs("worker", "lease of a run expired")).toEqual([]);
});

test("kill -9 of a worker among 200 users: nobody waits, every text is right or an error", async () => {
  const users = await connectAll(200);
  const victim = await cluster.add("worker");
  let killedAt = Number.POSITIVE_INFINITY;
  let longestAfterKillMs = 0;
  const outcomes: Record<string, number> = {};
  await Promise.all(
    users.map(async (client, user) => {
      for (let round = 0; round < 5; round += 1) {
        if (user === 100 && round === 2) {
          victim.process.kill("SIGKILL");
          killedAt = performance.now();
        }
        const asked = questionOf(user, round);
        const reply = await client.ask(asked.prompt, asked.profile, 60_000);
        const { type, code = type } = reply.terminal;
        outcomes[code] = (outcomes[code] ?? 0) + 1;
        if (type === "done") expect(reply.text).toBe(answerFor(asked));
        else expect(reply.terminal).toMatchObject({ type: "error", retryable: true });
        const openSince = Math.max(performance.now() - reply.totalMs, killedAt);
        longestAfterKillMs = Math.max(longestAfterKillMs, performance.now() - openSince);
      }
    }),
  );
  expect(killedAt).toBeLessThan(performance.now());
  expect(longestAfterKillMs).toBeLessThan(10_000);
  expect(outcomes).toEqual({ done: 1_000 });
  expectNothingMore(users);
});

test("runs that lose their worker in mid-answer go on where they were, byte for byte", async () => {
  const users = await connectAll(100);
  const asked = users.map((client, user) => ({
    client,
    prompt: directive({ words: 60, seed: user, gapMs: 30 }),
    profile: SHIPPED_NAMES[user % SHIPPED_NAMES.length] ?? "zhipu",
  }));
  for (const { client, prompt, profile } of asked) client.say(prompt, profile);
  await eventually("text everywhere", () => users.every((client) => client.textSoFar !== ""));

  const [victim] = cluster.processes("worker");
  victim?.process.kill("SIGKILL");

  for (const { client, prompt, profile } of asked) {
    const reply = await client.reply(12_000);
    expect(reply.terminal).toEqual({ type: "done" });
    expect(reply.text).toBe(answerFor({ prompt, profile }));
  }
  expectNothingMore(users);
});
