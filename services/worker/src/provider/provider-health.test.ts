import { ERROR_CODES, type ErrorCode } from "@openclaw/protocol";
import { eventually } from "@openclaw/testing";
import { afterEach, describe, expect, test } from "vitest";
import { ProviderHealth } from "./provider-health.ts";

const all: ProviderHealth[] = [];
let errors: unknown[] = [];
const log = {
  info: () => undefined,
  warn: () => undefined,
  error: (facts: unknown) => void errors.push(facts),
};

afterEach(() => {
  for (const health of all.splice(0)) health.stop();
  errors = [];
});

const down = () => Promise.reject(new Error("still down"));

function create(probe: (code: ErrorCode) => Promise<void> = down): ProviderHealth {
  const health = new ProviderHealth({ provider: "zhipu", probe, log });
  all.push(health);
  return health;
}

describe("one refusal of the account is enough, and is the operator's to hear of, once", () => {
  test.each(["provider_auth", "provider_quota", "model_not_found"] as const)("%s", (code) => {
    const health = create();
    health.failed(code);
    health.failed(code);
    // For a moment it may be an error of the provider's.
    expect(health.closed).toEqual({ code, forMs: expect.any(Number) });
    expect(health.report()).toMatchObject({ state: "refused", code });
    expect(errors).toEqual([{ provider: "zhipu", code }]);
  });
});

test("an account that is accepted again is used again, without anybody's run", async () => {
  let isRefused = true;
  const asked: unknown[] = [];
  const health = create((code) => {
    asked.push(code);
    return isRefused ? Promise.reject(new Error("still refused")) : Promise.resolve();
  });
  health.failed("provider_auth");
  await eventually("a look", () => asked.length === 1);
  expect(health.closed?.code).toBe("provider_auth");
  isRefused = false;
  await eventually("the next look", () => health.closed === undefined);
  expect(asked).toEqual(["provider_auth", "provider_auth"]);
});

describe("five failures of the provider open its circuit, one does not", () => {
  const counting: ErrorCode[] = [
    "provider_unreachable",
    "provider_error",
    "provider_overloaded",
    "first_token_timeout",
    "provider_stalled",
    "provider_cut",
    "provider_malformed",
    "provider_empty",
  ];
  test.each(counting)("%s", async (code) => {
    const health = create();
    health.failed(code);
    expect(health.closed).toBeUndefined();
    for (let n = 1; n < 5; n += 1) health.failed(code);
    await eventually("opening", () => health.closed?.code === code);
    expect(errors).toEqual([]);
  });
});

test("what lies in a request closes nothing, however often, nor does a rate that is too high", async () => {
  const harmless: ErrorCode[] = [
    "provider_rejected",
    "content_filtered",
    "context_length_exceeded",
    "provider_rate_limited",
  ];
  const health = create();
  for (const code of harmless) for (let n = 0; n < 10; n += 1) health.failed(code);
  // Every failure has been noted by then.
  await new Promise((resolve) => setImmediate(resolve));
  expect(health.closed).toBeUndefined();
  expect(Object.keys(ERROR_CODES)).toEqual(expect.arrayContaining(harmless));
});

test("a complaint in many attempts closes nothing, one after the other does for a moment", () => {
  const health = create();
  for (let n = 0; n < 20; n += 1) health.finished();
  health.complained("provider_rate_limited", undefined);
  expect(health.closed).toBeUndefined();
  health.complained("provider_rate_limited", undefined);
  expect(health.closed?.forMs).toBeGreaterThan(400);
  const other = create();
  other.complained("provider_rate_limited", 2_000);
  expect(other.closed?.forMs).toBeGreaterThan(1_900);
});

test("what rests is not even looked at, and nothing is looked at after the stop", async () => {
  let looks = 0;
  const health = create(() => {
    looks += 1;
    return down();
  });
  health.rest("provider_rate_limited", 1_200);
  health.failed("provider_auth");
  await eventually("the end of the rest", () => health.closed?.code === "provider_auth", {
    withinMs: 2_000,
  });
  expect(looks).toBe(0);
  await eventually("a look", () => looks === 1, { withinMs: 5_000 });
  health.stop();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(looks).toBe(1);
});

test("a rest lasts as long as the longest that was asked for", async () => {
  const health = create();
  health.rest("provider_rate_limited", 300);
  health.rest("provider_rate_limited", 50);
  expect(health.closed?.forMs).toBeGreaterThan(200);
  await eventually("its end", () => health.closed === undefined, { withinMs: 1_000 });
});
