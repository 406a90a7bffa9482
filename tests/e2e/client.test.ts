/** `@openclaw/client` against a real cluster, whose edges and workers die, leave and fall silent. */
import {
  GatewayClient,
  type GatewayClientOptions,
  type Run,
  type RunEvent,
} from "@openclaw/client";
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { eventually } from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { WebSocket } from "ws";
import { BalancedGateway } from "./balanced-gateway.ts";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

let simulator: Simulator;
let gateway: BalancedGateway;
const clients: GatewayClient[] = [];

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  const { providers, ...rest } = simulatedGateway(simulator.url);
  const zhipu = { ...providers.zhipu, fallback: ["hunyuan"] };
  gateway = await BalancedGateway.start({
    redisUrl: inject("redisUrl"),
    gateway: { ...rest, providers: { ...providers, zhipu } },
    edges: 2,
    workers: 1,
  });
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(async () => {
  await gateway?.stop();
  await simulator?.stop();
});

function connect(options: Partial<GatewayClientOptions> = {}): GatewayClient {
  const client = new GatewayClient({ url: gateway.url, WebSocket, ...options });
  clients.push(client);
  return client;
}

const SLOW = directive({ words: 60, gapMs: 30 });

/** Follows a run: when each event came, and the text that a loop over its deltas has. */
function follow(run: Run) {
  const seen: { type: RunEvent["type"]; at: number }[] = [];
  const shown: string[] = [];
  const events = (async () => {
    for await (const { type } of run.events()) seen.push({ type, at: performance.now() });
  })();
  const text = (async () => {
    for await (const delta of run) shown.push(delta);
  })();
  return { seen, shown, ended: Promise.all([events, text]) };
}

type Followed = ReturnType<typeof follow>;

const begun = ({ shown }: Followed) => eventually("some text", () => shown.join("").length > 20);

/** The longest time in which nothing was to be seen, in milliseconds. */
function longestPause({ seen }: Followed): number {
  return Math.max(...seen.map(({ at }, index) => at - (seen[index - 1]?.at ?? at)));
}

describe("under open answers of several sessions", () => {
  async function openAnswers(words = 60) {
    const client = connect();
    const sessions = [undefined, undefined, "somebody-else", "somebody-else"];
    const runs = sessions.map((session, index) => {
      const prompt = directive({ words, gapMs: 30, seed: index });
      const run = client.run(prompt, { provider: "zhipu", ...(session && { session }) });
      return { prompt, run, followed: follow(run) };
    });
    await Promise.all(runs.map(({ followed }) => begun(followed)));
    return runs;
  }

  async function expectWhole(runs: Awaited<ReturnType<typeof openAnswers>>) {
    for (const { prompt, run, followed } of runs) {
      await followed.ended;
      const whole = answerFor({ prompt, profile: "zhipu" });
      expect(followed.shown.join("")).toBe(whole);
      expect(await run.result).toMatchObject({ text: whole, finish: "stop", provider: "zhipu" });
    }
  }

  test("kill -9 of each edge in turn is a pause, and nothing else", async () => {
    // Long enough for both to be killed, whichever has the client.
    const runs = await openAnswers(400);
    for (const edge of [0, 1]) {
      await gateway.end(edge, "SIGKILL");
      const resumedOrNotThere = runs.map(({ followed: { seen, shown } }) => {
        const had = shown.length;
        return eventually(
          "more text",
          () => shown.length > had + 2 || seen.at(-1)?.type === "done",
        );
      });
      await Promise.all(resumedOrNotThere);
      await gateway.restart(edge);
    }
    await expectWhole(runs);
    const types = runs.flatMap(({ followed }) => followed.seen.map(({ type }) => type));
    expect(types).toContain("reconnecting");
    expect(types).not.toContain("restarted");
    const pauses = runs.map(({ followed }) => longestPause(followed));
    console.log(`longest pause around a kill: ${Math.round(Math.max(...pauses))} ms`);
    // A run is kept for its client for 10 s.
    expect(Math.max(...pauses)).toBeLessThan(8_000);
  });

  test("an edge that drains is left before it closes: no pause that shows, no connection lost", async () => {
    // Long enough for both to go, whichever has the client, and one to be there at any time.
    const runs = await openAnswers(400);
    for (const edge of [0, 1]) {
      await gateway.end(edge, "SIGTERM");
      await gateway.restart(edge);
    }
    await expectWhole(runs);
    const types = runs.flatMap(({ followed }) => followed.seen.map(({ type }) => type));
    expect(types).toContain("resumed");
    expect(types).not.toContain("reconnecting");
    // A reader that is told of nothing reads its log again after 2 s.
    expect(Math.max(...runs.map(({ followed }) => longestPause(followed)))).toBeLessThan(2_000);
  });

  test("a network that carries nothing any more and says nothing is left within silence and ping", async () => {
    const client = connect({ silenceMs: 300, pongMs: 300 });
    const run = client.run(SLOW, { provider: "zhipu" });
    const followed = follow(run);
    await begun(followed);
    gateway.proxy.silence();
    await followed.ended;
    expect(followed.shown.join("")).toBe(answerFor({ prompt: SLOW, profile: "zhipu" }));
    expect(longestPause(followed)).toBeLessThan(8_000);
  });
});

test("a signal ends the run at once, and its request to the provider within 500 ms", async () => {
  const abort = new AbortController();
  const aborted = simulator.stats().total.aborted;
  const run = connect().run(directive({ words: 300, gapMs: 50 }), { signal: abort.signal });
  const followed = follow(run);
  await begun(followed);
  abort.abort();
  await expect(followed.ended).rejects.toMatchObject({ name: "AbortError", code: "cancelled" });
  await eventually("the upstream to close", () => simulator.stats().total.aborted > aborted, {
    withinMs: 500,
  });
});

describe("a provider that breaks off, whose answer another begins anew", () => {
  const broken = { words: 40, gapMs: 10, cutAfter: 20, faultOn: ["zhipu"] };

  test("saying something else: the loop throws instead of splicing, and a new loop has the new text", async () => {
    const prompt = directive(broken);
    const run = connect().run(prompt, { provider: "zhipu" });
    const followed = follow(run);
    await expect(followed.ended).rejects.toMatchObject({ code: "restarted" });
    const again = follow(run);
    await again.ended;
    const whole = answerFor({ prompt, profile: "hunyuan" });
    expect(again.shown.join("")).toBe(whole);
    expect(whole.startsWith(followed.shown.join(""))).toBe(false);
    expect(await run.result).toMatchObject({ text: whole, provider: "hunyuan" });
  });

  test("saying the same: the loop goes on where it was, with that attempt's text", async () => {
    const prompt = directive({ ...broken, seed: 5 });
    const followed = follow(connect().run(prompt, { provider: "zhipu" }));
    await followed.ended;
    expect(followed.shown.join("")).toBe(answerFor({ prompt, profile: "hunyuan" }));
    expect(followed.seen.map(({ type }) => type)).toContain("restarted");
  });
});

test("refusals are errors of their own run, typed", async () => {
  const client = connect();
  const [unknown, fine] = [client.run("hi", { provider: "nosuch" }), client.run(SLOW)];
  await expect(unknown.text()).rejects.toMatchObject({
    code: "unknown_provider",
    retryable: false,
  });
  const badOption = client.run("hi", { options: { temperature: 3 } });
  await expect(badOption.text()).rejects.toMatchObject({ code: "invalid_request" });
  expect(await fine.text()).toBe(answerFor({ prompt: SLOW, profile: "nvidia2" }));
});

describe("one bad run", () => {
  // Longer than a frame may be, though the messages are short: a gateway would close the connection.
  const tooLong = () => ({ options: { documents: ["x".repeat(8 * 1024 * 1024)] } });

  test("fails alone: those beside it, and those that are going on, are answered", async () => {
    const bad = 5;
    const client = connect();
    const going = client.run(SLOW, { provider: "zhipu" });
    await begun(follow(going));
    const prompts = Array.from({ length: 20 }, (_, at) => directive({ words: 3, seed: at }));
    const runs = prompts.map((prompt, at) =>
      client.run(prompt, { provider: "zhipu", ...(at < bad && tooLong()) }),
    );
    const texts = runs.map((run) => run.text().catch(({ code }) => code));
    const answers = prompts.map((prompt) => answerFor({ prompt, profile: "zhipu" }));
    expect((await Promise.all(texts)).slice(bad)).toEqual(answers.slice(bad));
    expect(await going.text()).toBe(answerFor({ prompt: SLOW, profile: "zhipu" }));
    for (const text of texts.slice(0, bad)) expect(await text).toBe("message_too_long");
  });
});
