/** Rows about errors: what each one means, and that no part of it is taken for an answer. */
import type { ErrorCode } from "@openclaw/protocol";
import { directive } from "@openclaw/simulator";
import { describe, expect, test, vi } from "vitest";
import { ask as askRaw, eventsIn } from "../../services/simulator/src/testing/wire.ts";
import { policyOf } from "../../services/worker/src/provider/health/failure-policy.ts";
import { answerOf, ask, clientOf, PROVIDERS, type Provider, startSimulator } from "./asking.ts";

const PIECES = ["Hel", "lo ", "you"];

/** What each provider's own error inside a stream means. */
const IN_STREAM: Readonly<Record<Provider, ErrorCode>> = {
  nvidia1: "provider_overloaded",
  zhipu: "provider_rate_limited",
  hunyuan: "provider_error",
  openai: "provider_error",
};

async function refused(profile: Provider, fields: Parameters<typeof directive>[0]) {
  const simulator = await startSimulator();
  const response = await askRaw({ simulator, profile, prompt: directive(fields) });
  const body = await response.text();
  const { error, text } = await ask(await clientOf(simulator, profile), fields);
  expect(text).toBe("");
  return { response, body, error };
}

test.each(PROVIDERS)(
  "quirk 9: an error that %s sends first, with 200, leaves all open",
  async (profile) => {
    for (const done of [true, false]) {
      const fields = { pieces: PIECES, errorAfter: 0, done };
      const { response, body, error } = await refused(profile, fields);
      expect(response.status).toBe(200);
      expect(body.startsWith("event: error")).toBe(profile === "zhipu");
      expect(eventsIn(body)).toHaveLength(done ? 2 : 1);
      expect([error?.code, error?.status]).toEqual([IN_STREAM[profile], 200]);
      expect(policyOf(IN_STREAM[profile]).elsewhere).toBe(true);
    }
  },
);

test.each(PROVIDERS)(
  "quirk 10: an error of %s behind text ends it as an error",
  async (profile) => {
    for (const done of [true, false]) {
      const { text, finished, error } = await answerOf(profile, {
        pieces: PIECES,
        errorAfter: 2,
        done,
      });
      expect([text, finished, error?.code]).toEqual(["Hello ", undefined, IN_STREAM[profile]]);
    }
  },
);

test.each([
  [400, "provider_rejected", "application/json"],
  [401, "provider_auth", "application/problem+json"],
  [402, "provider_quota", "application/problem+json"],
  [403, "provider_auth", "application/problem+json"],
  [404, "model_not_found", "application/problem+json"],
  [410, "model_not_found", "application/problem+json"],
  [429, "provider_rate_limited", "application/problem+json"],
  [500, "provider_error", "application/json"],
  [502, "provider_error", "text/html"],
  [503, "provider_overloaded", "application/json"],
  [504, "provider_overloaded", "text/plain"],
] as const)("quirk 20: NVIDIA's %i is %s, whatever its body", async (status, code, type) => {
  const { response, body, error } = await refused("nvidia1", { status });
  expect([response.status, response.headers.get("content-type")]).toEqual([status, type]);
  expect(body === "").toBe(status === 504);
  expect([error?.code, error?.status]).toEqual([code, status]);
  expect(error?.message).toContain(`HTTP ${status}`);
  expect(error?.message).not.toMatch(/Function|sim-account|<html/);
});

test("quirk 21: a DEGRADED function is an overload in spite of its 400", async () => {
  const { response, body, error } = await refused("nvidia1", {
    status: 400,
    errorCode: "degraded",
  });
  expect(response.status).toBe(400);
  expect(JSON.parse(body)).toMatchObject({ title: "Bad Request", status: 400 });
  expect(body).toContain("DEGRADED function cannot be invoked");
  expect([error?.code, error?.failure.retryable]).toEqual(["provider_overloaded", true]);
  expect(policyOf("provider_overloaded").elsewhere).toBe(true);
});

describe("quirk 22: a model that an account is not served, or nobody any more, is not found", () => {
  const faults = {
    accounts: { "key-1": { models: ["m"] }, "key-2": { models: ["other"] } },
    endOfLife: { retired: "2026-05-14", later: "9999-12-31" },
  };

  test.each([
    ["served to this account", "key-1", "m", undefined, undefined],
    ["not served to this account", "key-2", "m", "model_not_found", 404],
    ["retired for all", "key-3", "retired", "model_not_found", 410],
    ["to be retired one day", "key-3", "later", undefined, undefined],
  ] as const)("%s", async (_, apiKey, model, code, status) => {
    const simulator = await startSimulator(faults);
    const client = await clientOf(simulator, "nvidia1", { apiKey, model });
    const { error } = await ask(client, { pieces: PIECES });
    expect([error?.code, error?.status]).toEqual([code, status]);
    expect(policyOf("model_not_found").elsewhere).toBe(true);
    // Once a question of our own has confirmed it, runs go to another provider unasked.
    if (error) expect(policyOf(error.code).askMostMs).toBeGreaterThan(0);
  });
});

test.each([
  ["zhipu", { status: 429, errorCode: "1113" }],
  ["zhipu", { status: 429, errorCode: "1308" }],
  ["zhipu", { status: 429, errorCode: "1309" }],
  ["zhipu", { status: 429, errorCode: "1310" }],
  ["zhipu", { errorAfter: 0, errorCode: "1113" }],
  ["nvidia1", { status: 402 }],
  ["openai", { status: 429, errorCode: "insufficient_quota" }],
] as const)("quirk 27: an empty account of %s is not tried again: %j", async (profile, fields) => {
  const { error } = await refused(profile, fields);
  expect([error?.code, error?.failure.retryable]).toEqual(["provider_quota", false]);
  const { later, askMostMs = 0 } = policyOf("provider_quota");
  expect([later, askMostMs > 0]).toEqual([false, true]);
});

test.each(["401007", "401008", "403004"])(
  "quirk 37: TokenHub's 402 with %s is the account's, and another provider may answer",
  async (errorCode) => {
    const { response, error } = await refused("hunyuan", { status: 402, errorCode });
    expect(response.status).toBe(402);
    expect([error?.code, error?.failure.retryable]).toEqual(["provider_quota", false]);
    expect(error?.message).toContain(errorCode);
    expect(policyOf("provider_quota")).toMatchObject({ elsewhere: true, later: false });
    expect(policyOf("provider_quota").askMostMs).toBeGreaterThan(0);
  },
);

describe("quirk 38: a host that is retired leaves the run to another provider", () => {
  test.each([
    ["has no address", () => "http://hunyuan.invalid/v1", "provider_unreachable"],
    [
      "speaks no TLS",
      (url: string) => `${url.replace("http:", "https:")}/hunyuan/v1`,
      "provider_unreachable",
    ],
    ["knows no such path", (url: string) => `${url}/hunyuan/old/v1`, "model_not_found"],
  ] as const)("one that %s", async (_, baseUrl, code) => {
    const simulator = await startSimulator();
    const client = await clientOf(simulator, "hunyuan", { baseUrl: baseUrl(simulator.url) });
    const { text, error } = await ask(client, { pieces: PIECES });
    expect([text, error?.code]).toEqual(["", code]);
    expect(policyOf(code).elsewhere).toBe(true);
    // Not found out by each run: by a question of our own where the account is refused, else by a few.
    if (policyOf(code).askMostMs !== undefined) return;
    for (let runs = 0; runs < 5; runs += 1) client.health.failed(code);
    await vi.waitFor(() => expect(client.health.closed?.code).toBe(code));
  });

  test("one that is gone (410)", async () => {
    const { error } = await refused("hunyuan", { status: 410 });
    expect(error?.code).toBe("model_not_found");
  });
});
