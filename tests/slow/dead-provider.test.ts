/** A provider dies under load and comes back: users notice nothing but who answers. */
import { setTimeout as delay } from "node:timers/promises";
import {
  answerFor,
  createSimulator,
  directive,
  INSTANT,
  profilesAt,
  type Simulator,
} from "@openclaw/simulator";
import { Cluster, eventually, figuresOf, V2Client } from "@openclaw/testing";
import { afterEach, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";

const USERS = 20;
const LIVES_MS = 3_000;
const DEAD_MS = 9_000;
/** The first failures open the circuit. */
const NOTICED_MS = 2_000;
const USED_AGAIN_MS = 10_000;

interface Asked {
  readonly beganAt: number;
  readonly firstTextMs: number;
  readonly providers: readonly string[];
  readonly whole: boolean;
}

const simulators: Simulator[] = [];
let cluster: Cluster;

afterEach(async () => {
  await cluster?.stop();
  await Promise.all(simulators.splice(0).map((simulator) => simulator.stop()));
});

/** Asks one question after the other until `closing`, and adds each to `asked` once it is answered. */
async function user(name: number, asked: Asked[], closing: AbortSignal): Promise<void> {
  const client = await V2Client.connect(cluster.url());
  for (let count = 0; !closing.aborted; count += 1) {
    const prompt = directive({ words: 6, gapMs: 20, seed: 1_000 * name + count });
    const beganAt = performance.now();
    let firstTextAt = 0;
    client.onFrame = ({ type }) => {
      if (type === "delta" && firstTextAt === 0) firstTextAt = performance.now();
    };
    const run = await client.run(prompt, "hunyuan");
    const end = await client.end(run);
    const providers = client
      .all("started")
      .filter((frame) => frame.run === run.id)
      .map(({ provider }) => provider);
    const whole = end.type === "done" && run.text === answerFor({ prompt, profile: "zhipu" });
    asked.push({ beganAt, firstTextMs: firstTextAt - beganAt, providers, whole });
  }
  client.close();
}

test("connections refused under load: every answer is whole, nobody waits for the dead, it is used again in 10 s", async () => {
  const alive = await startSimulator(profilesAt(INSTANT));
  const dying = await startSimulator(profilesAt(INSTANT));
  simulators.push(alive, dying);
  const { zhipu } = simulatedGateway(alive.url).providers;
  const { hunyuan } = simulatedGateway(dying.url).providers;
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: { providers: { hunyuan: { ...hunyuan, fallback: ["zhipu"] }, zhipu } },
  });
  const closing = new AbortController();
  const asked: Asked[] = [];
  const users = Array.from({ length: USERS }, (_, name) => user(name, asked, closing.signal));
  await delay(LIVES_MS);
  const diedAt = performance.now();
  const { port } = dying;
  await dying.stop();
  await delay(DEAD_MS);
  const again = createSimulator({ port, profiles: profilesAt(INSTANT) });
  simulators.push(again);
  await again.start();
  const backAt = performance.now();
  const isUsedAgain = ({ beganAt, providers }: Asked) =>
    beganAt > backAt && providers[0] === "hunyuan";
  await eventually("it to be used again", () => asked.some(isUsedAgain), {
    withinMs: USED_AGAIN_MS + 5_000,
  });
  await delay(LIVES_MS);
  closing.abort();
  await Promise.all(users);

  expect(asked.filter(({ whole }) => !whole)).toEqual([]);
  const whileDead = asked.filter(
    ({ beganAt }) => beganAt > diedAt + NOTICED_MS && beganAt < backAt - 500,
  );
  expect(whileDead.length).toBeGreaterThan(USERS);
  expect(whileDead.filter(({ providers }) => providers.includes("hunyuan"))).toEqual([]);
  const before = figuresOf(asked.filter(({ beganAt }) => beganAt < diedAt - 1_000).map(firstText));
  const dead = figuresOf(whileDead.map(firstText));
  const usedAgain = asked.filter(isUsedAgain).map(({ beganAt }) => beganAt - backAt);
  console.log(
    `dead provider: ${asked.length} runs, all whole; first text before ${ms(before)}, while dead ${ms(dead)}; ` +
      `used again after ${(Math.min(...usedAgain) / 1_000).toFixed(1)} s`,
  );
  expect(Math.min(...usedAgain)).toBeLessThan(USED_AGAIN_MS);
  // As if it had never been there.
  expect(dead.p50).toBeLessThan(2 * before.p50 + 50);
});

const firstText = ({ firstTextMs }: Asked) => firstTextMs;
const ms = ({ p50, p99 }: { p50: number; p99: number }) =>
  `p50 ${Math.round(p50)} p99 ${Math.round(p99)} ms`;
