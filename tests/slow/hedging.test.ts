/** A provider whose first token is late now and then: the next one is asked as well, and the user does not wait. */
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, figuresOf, V2Client } from "@openclaw/testing";
import { afterAll, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "../e2e/simulated-gateway.ts";
import { boundMs, sizeOf } from "../suites.ts";

const RUNS = sizeOf("hedging");
const AT_ONCE = 20;
/** 5 % of all runs. */
const EVERY = 20;
const USUAL_MS = 500;
const LATE_MS = 10_000;
const HEDGE_AFTER_MS = 1_000;
/** Without a hedge it is `LATE_MS`. */
const BAR_MS = boundMs({ promised: 2_000, fault: 5_000 });
/** The budget: 5 % of all runs, and the three that each of two workers may begin with. */
const mostRequests = (runs: number) => 1.05 * runs + 6;

/** Each test has its own: those of which none is measured by the clock run beside one another. */
interface Gateway {
  readonly simulator: Simulator;
  readonly cluster: Cluster;
}

const simulators: Simulator[] = [];
const clusters: Cluster[] = [];

afterAll(async () => {
  await Promise.all(clusters.map((cluster) => cluster.stop()));
  await Promise.all(simulators.map((simulator) => simulator.stop()));
});

async function start(
  hunyuanMore: Record<string, unknown>,
  more: Record<string, unknown> = {},
): Promise<Gateway> {
  const simulator = await startSimulator(profilesAt(INSTANT));
  simulators.push(simulator);
  const { hunyuan, zhipu } = simulatedGateway(simulator.url).providers;
  const cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: {
      providers: { hunyuan: { ...hunyuan, fallback: ["zhipu"], ...hunyuanMore }, zhipu },
      ...more,
    },
  });
  clusters.push(cluster);
  return { simulator, cluster };
}

async function attempts({ host }: Cluster): Promise<Record<string, number>> {
  const stats = await (await fetch(`http://${host}/stats`)).json();
  // As the edge writes it.
  return (stats as { attempts: Record<string, number> }).attempts;
}

/** Asks so many questions, every twentieth of which the first provider is late to answer. */
async function askAll(
  { simulator, cluster }: Gateway,
  runs: number,
): Promise<{ firstTextMs: number[]; requests: number }> {
  const before = simulator.stats().total.requests;
  const numbers = Array.from({ length: runs }, (_, number) => number);
  const firstTextMs: number[] = [];
  const asker = async () => {
    const client = await V2Client.connect(cluster.url());
    for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
      const isLate = number % EVERY === EVERY / 2;
      const prompt = directive({
        words: 3,
        gapMs: 10,
        seed: number,
        firstTokenMs: USUAL_MS,
        ...(isLate && { lateMs: LATE_MS, faultOn: ["hunyuan"] }),
      });
      const beganAt = performance.now();
      const run = await client.run(prompt, "hunyuan");
      await eventually("the first text", () => run.text !== "", { withinMs: 20_000, everyMs: 2 });
      firstTextMs.push(performance.now() - beganAt);
      expect(await client.end(run)).toMatchObject({ type: "done" });
      expect([run.text, run.restarts]).toEqual([answerFor({ prompt, profile: "zhipu" }), 0]);
    }
    expect(client.faults).toEqual([]);
    client.close();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, asker));
  return { firstTextMs, requests: simulator.stats().total.requests - before };
}

test(`5 % of runs are ${LATE_MS / 1_000} s late: the p99 of first text falls below 2 s, and no more than the budget is asked`, async () => {
  const gateway = await start({ hedgeAfterMs: HEDGE_AFTER_MS });
  const { simulator, cluster } = gateway;
  const { firstTextMs, requests } = await askAll(gateway, RUNS);
  const { p50, p99, max } = figuresOf(firstTextMs);
  const { hedged = 0, hedge_won: won = 0 } = await eventually("the counts", async () => {
    const counts = await attempts(cluster);
    // Each worker reports for itself; the losers are left at once, so there is one for each hedge.
    const isTold = counts.finished === RUNS && counts.hedged === simulator.stats().total.aborted;
    return isTold ? counts : undefined;
  });
  console.log(
    `hedging: first text p50 ${Math.round(p50)} p99 ${Math.round(p99)} max ${Math.round(max)} ms; ` +
      `${requests} requests for ${RUNS} runs, ${hedged} hedged, ${won} won`,
  );
  expect(p99).toBeLessThan(BAR_MS);
  expect(requests).toBeLessThanOrEqual(mostRequests(RUNS));
  // The losers were left at once.
  expect(simulator.stats().total).toMatchObject({ active: 0, aborted: hedged });
  const seen = await cluster.scrape("worker");
  const hedges = (provider: string, hedge: string) =>
    seen.sum("openclaw_hedges_total", { provider, hedge });
  expect([hedges("hunyuan", "asked"), hedges("zhipu", "won")]).toEqual([hedged, won]);
});

test.concurrent("without hedging runs like these are late, so that the figures above say something", async () => {
  const runs = RUNS / 4;
  const { firstTextMs, requests } = await askAll(await start({}), runs);
  expect(figuresOf(firstTextMs).p99).toBeGreaterThan(LATE_MS * 0.9);
  expect(requests).toBe(runs);
});

test.concurrent("on a day on which every run is late, no more than the budget is asked twice", async () => {
  const { simulator, cluster } = await start({ hedgeAfterMs: 100 }, { hedgeBudget: 0.05 });
  const client = await V2Client.connect(cluster.url());
  const asked = Array.from({ length: 100 }, (_, seed) =>
    directive({ words: 3, gapMs: 10, seed, lateMs: 400, faultOn: ["hunyuan"] }),
  );
  for (let from = 0; from < asked.length; from += AT_ONCE) {
    const some = asked.slice(from, from + AT_ONCE);
    const runs = await Promise.all(some.map((prompt) => client.run(prompt, "hunyuan")));
    for (const run of runs) expect(await client.end(run)).toMatchObject({ type: "done" });
  }
  client.close();
  await eventually(
    "the counts",
    async () => ((await attempts(cluster)).hedge_over_budget ?? 0) > 0,
  );
  expect(simulator.stats().total.requests).toBeLessThanOrEqual(mostRequests(asked.length));
});
