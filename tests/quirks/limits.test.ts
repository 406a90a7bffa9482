/** Rows about being asked too much, waiting, and letting go: as far as one request goes. */
import { directive, type Simulator } from "@openclaw/simulator";
import { describe, expect, test } from "vitest";
import { ask as askRaw } from "../../services/simulator/src/testing/wire.ts";
import { socketIsFree } from "../../services/worker/src/testing/fake-provider.ts";
import { answerOf, ask, askWithin, clientOf, startSimulator, until } from "./asking.ts";

const hi = { pieces: ["Hi"] };
const forever = { pieces: ["Hi"], stallAfter: 1 };

/** Begins an answer that does not end by itself, and waits for its text. */
async function hold(simulator: Simulator, provider: Parameters<typeof clientOf>[1]) {
  const leaving = new AbortController();
  let speaking = false;
  const gone = ask(await clientOf(simulator, provider), forever, {
    signal: leaving.signal,
    onEvent: ({ type }) => {
      speaking ||= type === "text";
    },
  });
  const left = expect(gone).rejects.toThrow("the run was cancelled");
  await until(() => speaking);
  return async () => {
    leaving.abort(new Error("the run was cancelled"));
    await left;
  };
}

describe("quirk 23: a 429", () => {
  test("behind 40 requests in a minute says nothing of when to come back", async () => {
    const simulator = await startSimulator({ accounts: { "key-1": { perMinute: 40 } } });
    const client = await clientOf(simulator, "nvidia1");
    for (let asked = 0; asked < 40; asked += 1) expect((await ask(client, hi)).text).toBe("Hi");
    const { error } = await ask(client, hi);
    expect([error?.code, error?.status]).toEqual(["provider_rate_limited", 429]);
    expect(error?.retryAfterMs).toBeUndefined();
    expect(simulator.stats().total.faults).toEqual({ perMinute: 1 });
    const other = await clientOf(simulator, "nvidia1", { apiKey: "key-2" });
    expect((await ask(other, hi)).text).toBe("Hi");
  });

  test.each([
    [{ "retry-after": "7" }, 7_000],
    [
      { date: "Sun, 22 Nov 2026 08:00:00 GMT", "retry-after": "Sun, 22 Nov 2026 08:00:30 GMT" },
      30_000,
    ],
    [{ "retry-after-ms": "250" }, 250],
    [{ "retry-after": "86400" }, 600_000],
  ] as const)("is told how long to wait by %j", async (headers, wait) => {
    const { error } = await answerOf("zhipu", { status: 429, headers });
    expect([error?.code, error?.retryAfterMs]).toEqual(["provider_rate_limited", wait]);
  });
});

test("quirk 24: a full model server is an overload, in both shapes it says so", async () => {
  const simulator = await startSimulator({ capacity: { nvidia1: 1 } });
  const release = await hold(simulator, "nvidia1");
  const client = await clientOf(simulator, "nvidia1");
  const errors = [await ask(client, hi), await ask(client, hi)].map(({ error }) => error);
  expect(errors.map((error) => error?.status)).toEqual([503, 200]);
  for (const error of errors) expect(error?.code).toBe("provider_overloaded");
  await release();
  await until(() => simulator.stats().total.active === 0);
  expect((await ask(client, hi)).text).toBe("Hi");
});

describe("quirk 25: a 202", () => {
  test.each([200, 504] as const)("whose result is a %i is not waited for", async (pollStatus) => {
    const simulator = await startSimulator();
    const fields = { ...hi, status: 202, pollStatus };
    const prompt = directive(fields);
    const accepted = await askRaw({ simulator, profile: "nvidia1", prompt });
    const id = accepted.headers.get("nvcf-reqid");
    expect(accepted.headers.get("nvcf-status")).toBe("in-progress");
    const result = await fetch(`${simulator.url}/nvidia1/v2/nvcf/pexec/status/${id}`);
    expect(result.status).toBe(pollStatus);
    expect((await result.text()).includes('"content":"Hi"')).toBe(pollStatus === 200);
    simulator.reset();
    const { error } = await ask(await clientOf(simulator, "nvidia1"), fields);
    expect([error?.code, error?.status]).toEqual(["provider_overloaded", 202]);
    expect(simulator.stats().total.requests).toBe(1);
  });
});

describe("quirk 26: a silent queue", () => {
  test.each([
    ["before headers", { headersMs: 60_000 }],
    ["behind headers", { firstTokenMs: 60_000 }],
  ])("%s is left when the first text is due", async (_, wait) => {
    const simulator = await startSimulator();
    const timeouts = { firstTokenMs: 100 };
    const client = await clientOf(simulator, "zhipu", { timeouts });
    expect((await askWithin(client, { ...hi, ...wait })).error?.code).toBe("first_token_timeout");
    await until(() => simulator.stats().total.aborted === 1);
  });

  test("of NVIDIA gives up by itself when the first text would be too late", async () => {
    const simulator = await startSimulator();
    const timeouts = { firstTokenMs: 1_999 };
    const client = await clientOf(simulator, "nvidia1", { timeouts });
    const startedAt = performance.now();
    const { error } = await ask(client, { ...hi, headersMs: 60_000 });
    // Later, it would be a time-out of ours.
    expect([error?.code, error?.status]).toEqual(["provider_overloaded", 504]);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1_000);
  });
});

describe("quirk 28: too much of one's own and too much of everybody's are told apart", () => {
  test("1302 limits this account", async () => {
    const simulator = await startSimulator({ concurrency: { zhipu: 1 } });
    const release = await hold(simulator, "zhipu");
    const { error } = await ask(await clientOf(simulator, "zhipu"), hi);
    expect(error?.code).toBe("provider_rate_limited");
    expect(error?.message).toContain("code 1302");
    await release();
  });

  test("1305, at random, is the platform's", async () => {
    const simulator = await startSimulator({
      probability: { status: 0.3 },
      statusFault: { status: 429, errorCode: "1305" },
    });
    const client = await clientOf(simulator, "zhipu");
    const codes: (string | undefined)[] = [];
    for (let asked = 0; asked < 30; asked += 1) codes.push((await ask(client, hi)).error?.code);
    expect(new Set(codes)).toEqual(new Set([undefined, "provider_overloaded"]));
  });
});

test("quirk 29: a place is taken until the answer is over or its socket closed", async () => {
  const simulator = await startSimulator({ concurrency: { zhipu: 1 } });
  const client = await clientOf(simulator, "zhipu");
  // Each place is free again as soon as its answer is whole.
  for (let asked = 0; asked < 3; asked += 1) expect((await ask(client, hi)).text).toBe("Hi");
  const release = await hold(simulator, "zhipu");
  expect((await ask(client, hi)).error?.code).toBe("provider_rate_limited");
  await release();
  await until(() => simulator.stats().total.active === 0);
  expect((await ask(client, hi)).text).toBe("Hi");
});

test("quirk 30: an abort is known upstream at once", async () => {
  const simulator = await startSimulator();
  const startedAt = performance.now();
  const release = await hold(simulator, "nvidia1");
  const abortedAt = performance.now();
  await release();
  await until(() => simulator.stats().total.aborted === 1);
  expect(performance.now() - abortedAt).toBeLessThan(2_000);
  const { abortedAfterMs = Number.NaN } = simulator.stats().profiles.nvidia1 ?? {};
  expect(abortedAfterMs).toBeGreaterThan(0);
  expect(abortedAfterMs).toBeLessThan(performance.now() - startedAt);
});

describe("quirk 36: a socket that was closed while idle", () => {
  test("costs a second try and no error", async () => {
    const simulator = await startSimulator();
    const client = await clientOf(simulator, "openai");
    expect((await ask(client, hi)).text).toBe("Hi");
    await socketIsFree();
    const { text, error } = await ask(client, { ...hi, stale: true });
    expect([text, error]).toEqual(["Hi", undefined]);
    expect(simulator.stats().total).toMatchObject({ requests: 3, broken: 1, completed: 2 });
  });

  test("is noticed before the request where there is time to", async () => {
    const simulator = await startSimulator({ idleMs: 20 });
    const client = await clientOf(simulator, "openai");
    expect((await ask(client, hi)).text).toBe("Hi");
    await until(() => simulator.stats().sockets.idleClosed === 1);
    expect((await ask(client, hi)).text).toBe("Hi");
  });

  test("is tried once more and not again, and not at all on a new socket", async () => {
    const simulator = await startSimulator();
    const client = await clientOf(simulator, "openai");
    const refuse = { refuse: true } as const;
    expect((await ask(client, refuse)).error?.code).toBe("provider_unreachable");
    expect(simulator.stats().total.requests).toBe(1);
    await ask(client, hi);
    await socketIsFree();
    expect((await ask(client, refuse)).error?.code).toBe("provider_unreachable");
    expect(simulator.stats().total.requests).toBe(4);
  });

  test("is not asked again for an answer that had begun", async () => {
    const simulator = await startSimulator();
    const client = await clientOf(simulator, "openai");
    await ask(client, hi);
    await socketIsFree();
    const { text, error } = await ask(client, { pieces: ["Hi", "!"], cutAfter: 1 });
    expect([text, error?.code]).toEqual(["Hi", "provider_cut"]);
    expect(simulator.stats().total.requests).toBe(2);
  });
});
