/** An answer that broke off is continued by a provider that can, and by no other. */
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually } from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";
import { Visitors } from "./visitors.ts";

let simulator: Simulator;
let cluster: Cluster;
const visitors = new Visitors(() => cluster.url());
/** What the standing-in providers were asked. */
let asked: { messages: { role: string; content: string }[]; continue_final_message?: boolean }[];

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT), {
    onChat: (profile, body) => {
      if (profile !== "hunyuan") asked.push(JSON.parse(body));
    },
  });
  const timeouts = { firstTokenMs: 5_000, stallMs: 1_000 };
  const { hunyuan, zhipu } = simulatedGateway(simulator.url, { timeouts }).providers;
  const own = { kind: "openai", baseUrl: `${simulator.url}/openai/v1`, model: "m" };
  const continueFromPartial = true;
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: {
      providers: {
        continued: { ...hunyuan, fallback: ["continuing"] },
        restarted: { ...hunyuan, fallback: ["restarting"] },
        "kind-cannot": { ...hunyuan, fallback: ["zhipu"], continueFromPartial: false },
        continuing: { ...own, continueFromPartial },
        restarting: own,
        zhipu,
      },
    },
  });
});

beforeEach(() => {
  asked = [];
});

afterEach(() => {
  visitors.leave();
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

/** The providers say different things; the first one breaks off after 40 of 60 pieces. */
const prompt = (fault: object) =>
  directive({ words: 60, gapMs: 10, faultOn: ["hunyuan"], ...fault });

test.each([
  ["cut", { cutAfter: 40 }],
  ["stalled", { stallAfter: 40 }],
  ["ended without an end", { endAfter: 40 }],
])("an answer %s after 40 of 60 pieces is continued, in v1 without a break", async (_, fault) => {
  const question = prompt(fault);
  const reply = await (await visitors.v1()).ask(question, "continued");
  expect(reply.terminal).toEqual({ type: "done" });
  expect(asked).toMatchObject([
    { continue_final_message: true, messages: [{ role: "user" }, { role: "assistant" }] },
  ]);
  const partial = asked[0]?.messages[1]?.content ?? "";
  expect(partial.length).toBeGreaterThan(0);
  expect(answerFor({ prompt: question, profile: "hunyuan" }).startsWith(partial)).toBe(true);
  expect(reply.text.startsWith(partial)).toBe(true);
  const rest = reply.text.slice(partial.length);
  expect(rest).not.toBe("");
  expect(answerFor({ prompt: question, profile: "openai" }).endsWith(rest)).toBe(true);
});

test("in v2 the continued answer comes whole, after a restart", async () => {
  const client = await visitors.v2();
  const run = await client.run(prompt({ cutAfter: 40 }), "continued");
  expect(await client.end(run)).toMatchObject({ type: "done", finish: "stop" });
  const partial = asked[0]?.messages[1]?.content ?? "-";
  expect(run.text.startsWith(partial)).toBe(true);
  expect(run.text.length).toBeGreaterThan(partial.length);
  expect(run.restarts).toBe(1);
  expect(client.faults).toEqual([]);
});

test.each([
  ["that is not configured to", "restarted"],
  ["of a kind that cannot", "kind-cannot"],
])("by a provider %s an answer is not continued", async (_, provider) => {
  const reply = await (await visitors.v1()).ask(prompt({ cutAfter: 40 }), provider);
  expect(reply.terminal).toMatchObject({ code: "interrupted" });
  expect(asked).toMatchObject([{ messages: [{ role: "user" }] }]);
  expect(asked[0]).not.toHaveProperty("continue_final_message");
});

test("an answer that broke off before its first text is asked for as usual", async () => {
  const question = prompt({ cutAfter: 0 });
  const reply = await (await visitors.v1()).ask(question, "continued");
  expect(reply.terminal).toEqual({ type: "done" });
  expect(reply.text).toBe(answerFor({ prompt: question, profile: "openai" }));
  expect(asked).toMatchObject([{ messages: [{ role: "user" }] }]);
});

test("kill -9 of a worker: another continues what that one's runs had said", async () => {
  const question = directive({ words: 150, gapMs: 30 });
  const users = await Promise.all(Array.from({ length: 12 }, () => visitors.v1()));
  const replies = users.map((user) => user.ask(question, "continuing"));
  await eventually("every provider's request", () => asked.length === users.length);
  await eventually("some text for everybody", () =>
    users.every(({ textSoFar }) => textSoFar.length > 20),
  );
  cluster.running("worker")[0]?.process.kill("SIGKILL");
  const whole = answerFor({ prompt: question, profile: "openai" });
  for (const { text, terminal } of await Promise.all(replies)) {
    expect([text, terminal]).toEqual([whole, { type: "done" }]);
  }
  const continued = asked.slice(users.length);
  expect(continued.length).toBeGreaterThan(0);
  for (const { messages } of continued) {
    const partial = messages[1]?.content ?? "";
    expect(partial).not.toBe("");
    expect(whole.startsWith(partial)).toBe(true);
  }
});
