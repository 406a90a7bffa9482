import { ERROR_CODES, type ErrorCode } from "@openclaw/protocol";
import { eventually } from "@openclaw/testing";
import { afterEach, describe, expect, test } from "vitest";
import { type FailurePolicy, policyOf } from "./failure-policy.ts";
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
  const health = new ProviderHealth({ provider: "zhipu", probe, ask: down, log });
  all.push(health);
  return health;
}

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

const codes = Object.keys(ERROR_CODES) as ErrorCode[];
const ofFault = (fault: FailurePolicy["fault"]) =>
  codes.filter((code) => policyOf(code).fault === fault);

test("what lies in a request leaves no trace, however often, nor does a refusal that nothing confirms", async () => {
  const unconfirmed = codes.filter((code) => policyOf(code).askMostMs !== undefined);
  const harmless = [...ofFault("request"), ...unconfirmed];
  expect(harmless).toEqual(expect.arrayContaining(["provider_rejected", "provider_quota"]));
  const health = create();
  for (const code of harmless) for (let n = 0; n < 10; n += 1) health.failed(code);
  // Every failure has been noted by then.
  await new Promise((resolve) => setImmediate(resolve));
  expect(health.closed).toBeUndefined();
  expect(health.report()).toEqual({ state: "available" });
});

test("a rate that is too high is told, and closes nothing by itself", async () => {
  const health = create();
  for (let n = 0; n < 10; n += 1) health.failed("provider_rate_limited");
  await new Promise((resolve) => setImmediate(resolve));
  expect(health.report()).toEqual({ state: "available", failureShare: 1 });
});

test("a request's own fault slows nobody down, and goes to nobody but to one with more room", () => {
  const codes = ofFault("request");
  expect(codes.length).toBeGreaterThan(0);
  for (const code of codes) {
    expect([code, policyOf(code)]).toEqual([
      code,
      {
        ...{ fault: "request", later: false, slowsDown: false, counts: false },
        elsewhere: code === "context_length_exceeded" ? "roomier" : false,
      },
    ]);
  }
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
  for (let n = 0; n < 5; n += 1) health.failed("provider_error");
  await eventually("the end of the rest", () => health.closed?.code === "provider_error", {
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
