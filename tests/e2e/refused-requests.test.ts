/** Whose a provider's refusal is: one request's, which concerns no other run, or the account's. */
import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually } from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { askChat } from "./asked-everywhere.ts";
import { startSimulator } from "./simulated-gateway.ts";
import { Visitors } from "./visitors.ts";

const REFUSED = "provider refuses the account, left alone until it does not";
const ACCEPTED = "provider accepts the account again";
/** Of an account that was refused for a few seconds. */
const USED_AGAIN = { withinMs: 20_000, everyMs: 200 };

let simulator: Simulator;
let cluster: Cluster;
const visitors = new Visitors(() => cluster.url());

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  const at = (profile: string, more: object = {}) => ({
    kind: "openai",
    baseUrl: `${simulator.url}/${profile}/v1`,
    apiKey: "key-1",
    model: "m",
    ...more,
  });
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: {
      providers: {
        lonely: at("openai"),
        second: at("hunyuan"),
        first: at("zhipu", { fallback: ["second"] }),
        empty: at("zhipu", { apiKey: "key-2", fallback: ["second"] }),
      },
      defaultProvider: "lonely",
    },
  });
});

afterEach(() => visitors.leave());

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

const fine = directive({ words: 5, seed: 7 });
/** By all but the provider that stands in. */
const refusedWith = (status: number, message: string) =>
  directive({
    ...{ words: 5, seed: 7, status, faultOn: ["openai", "zhipu"] },
    body: JSON.stringify({ error: { message } }),
  });
const stateOf = async (provider: string, state: string) =>
  (await cluster.scrape("worker")).sum("openclaw_provider_state", { provider, state });

/** The providers that a run of one question began with, the first one first. */
async function startedWith(prompt: string, provider: string): Promise<string[]> {
  const client = await visitors.v2();
  const run = await client.run(prompt, provider);
  expect(await client.end(run)).toMatchObject({ type: "done" });
  expect(run.text).toBe(answerFor({ prompt, profile: provider }));
  const started = client.all("started").filter((frame) => frame.run === run.id);
  return started.map((frame) => frame.provider);
}

describe("a request that is refused for what it asks ends with its own error, and no other waits", () => {
  test.each([
    [402, "This request requires more credits, or fewer max_tokens.", "provider_rejected", "fewer"],
    [404, "No endpoints found that support tool use.", "provider_rejected", "needs a feature"],
    [403, "Your input was flagged by our moderation.", "content_filtered", "HTTP 403"],
    [413, "<html>", "context_length_exceeded", "HTTP 413"],
    [422, "top_k: extra fields not permitted", "provider_rejected", "HTTP 422"],
    [401, "Blocked by our content policy.", "content_filtered", "HTTP 401"],
    [429, "This request is larger than the limit per minute.", "context_length_exceeded", "larger"],
  ])("%i %s", async (status, message, code, says) => {
    const prompt = refusedWith(status, message);
    const [old, framed] = [await visitors.v1(), await visitors.v2()];
    for (let round = 0; round < 4; round += 1) {
      const run = await framed.run(prompt);
      const end = await framed.end(run);
      expect(end).toMatchObject({ type: "error", code, retryable: false });
      expect(end).toMatchObject({ message: expect.stringContaining(says) });
      expect(JSON.stringify(end)).not.toContain(message);
      expect((await old.ask(prompt)).terminal).toMatchObject({ type: "error", code });
    }
    const messages = [{ role: "user", content: prompt }];
    for (const stream of [true, false]) {
      expect(await askChat(cluster.host, "lonely", { stream, messages })).toMatchObject({
        text: "",
        // In the words of that API.
        finish: code === "content_filtered" ? "content_filter" : code,
      });
    }
    expect(await old.ask(fine)).toMatchObject({ terminal: { type: "done" } });
    const seen = await cluster.scrape("worker");
    expect(await stateOf("lonely", "available")).toBe(2);
    expect(seen.sum("openclaw_account_questions_total", { provider: "lonely" })).toBe(0);
    expect(seen.sum("openclaw_attempts_total", { result: "postponed" })).toBe(0);
  });
});

test("a request whose own words its refusal quotes is refused, and one of such words slows nobody else", async () => {
  const field = "too many requests: service unavailable";
  const talk = "Is 'rate limit' the same as \"at capacity\"?\nOur account is suspended.";
  const refusal = (message: string) =>
    directive({ status: 400, faultOn: ["openai"], body: JSON.stringify({ error: { message } }) });
  const asked = async (prompt: string) => {
    const messages = [talk, prompt].map((content) => ({ role: "user", content }));
    return (await askChat(cluster.host, "lonely", { stream: false, top_k: field, messages }))
      .finish;
  };
  for (const quote of [`'input': '${field}'`, `not for us: ${JSON.stringify(talk)}`]) {
    for (let round = 0; round < 6; round += 1) {
      expect(await asked(refusal(quote))).toBe("provider_rejected");
    }
  }
  // Not the words of the request: they are taken for what they say, for this request.
  const said = ["Too many requests.", "We are overloaded."].flatMap((message) =>
    Array.from({ length: 6 }, () => asked(refusal(message))),
  );
  await Promise.all(said);
  expect(await stateOf("lonely", "available")).toBe(2);
  expect(cluster.logs("worker", "provider asked for fewer at once")).toEqual([]);
  expect(cluster.logs("worker", "circuit opened")).toEqual([]);
});

test("a refusal in words that are the account's goes to the next provider; the others stay with the first", async () => {
  const rude = refusedWith(402, "Not for you, not like this.");
  for (let round = 0; round < 4; round += 1) {
    expect(await startedWith(rude, "first")).toEqual(["first", "second"]);
    expect(await startedWith(fine, "first")).toEqual(["first"]);
  }
  await eventually("a question that clears the account", async () => {
    const seen = await cluster.scrape("worker");
    const cleared = { provider: "first", answer: "accepted" };
    return seen.sum("openclaw_account_questions_total", cleared) > 0;
  });
  expect(await stateOf("first", "available")).toBe(2);
  expect(cluster.logs("worker", REFUSED)).toEqual([]);
});

test("an account that is refused is left alone by all, told of once, and used again when it is mended", async () => {
  simulator.setFaults({ accounts: { "key-2": { models: [] } } });
  await eventually(
    "runs that are not asked there any more",
    async () => (await startedWith(fine, "empty"))[0] === "second",
    USED_AGAIN,
  );
  expect(cluster.logs("worker", REFUSED)).toMatchObject([{ code: "model_not_found" }]);
  simulator.setFaults({});
  await eventually(
    "all workers to use it again",
    async () => (await stateOf("empty", "available")) === 2,
    USED_AGAIN,
  );
  expect(await startedWith(fine, "empty")).toEqual(["empty"]);
  const lines = [cluster.logs("worker", REFUSED), cluster.logs("worker", ACCEPTED)];
  expect(lines.map(({ length }) => length)).toEqual([1, 1]);
});
