import { parseGatewayConfig } from "@openclaw/config";
import { expect, test } from "vitest";
import { ProviderChoice, type ProviderSignals } from "./provider-choice.ts";

const PROVIDER = { kind: "openai", baseUrl: "http://127.0.0.1:1/v1", model: "m" } as const;
const current = parseGatewayConfig(
  {
    providers: {
      a: { ...PROVIDER, maxConcurrency: 10 },
      b: { ...PROVIDER, maxConcurrency: 10 },
      home: { ...PROVIDER, region: "domestic", maxConcurrency: 10 },
    },
  },
  { source: "test", env: {} },
);
const NOTHING: ProviderSignals = { health: [], queue: undefined };

/** How often each member came first in many choices. Every second choice has fresh signals. */
function draws(signals: Record<string, ProviderSignals>, members = ["a", "b"]) {
  let state = 1;
  // A small generator, so that the choices are the same in each run.
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const choice = new ProviderChoice({
    gateway: { current },
    signalsOf: (name) => signals[name] ?? NOTHING,
    random,
  });
  const firsts: Record<string, number> = {};
  for (let n = 0; n < 1_000; n += 1) {
    const [first = "none"] = choice.order(members);
    firsts[first] = (firsts[first] ?? 0) + 1;
    choice.refreshed();
  }
  return firsts;
}

const quick = (firstTokenMs: number, failureShare = 0): ProviderSignals => ({
  health: [{ state: "available", firstTokenMs, failureShare }],
  queue: { waiting: 0, active: 0 },
});

test("unknown members share the runs", () => {
  const { a = 0, b = 0 } = draws({});
  expect(Math.abs(a - b)).toBeLessThan(150);
});

test("the quicker member gets most runs, and the slower member enough to notice when it recovers", () => {
  const { a = 0, b = 0 } = draws({ a: quick(500), b: quick(1_500) });
  expect(a).toBeGreaterThan(900);
  expect(b).toBeGreaterThan(5);
});

test("speed is measured against the target of the region", () => {
  // 900 ms is near the limit of a domestic provider, and very good for an overseas one.
  const { a = 0 } = draws({ a: quick(900), home: quick(900) }, ["a", "home"]);
  expect(a).toBeGreaterThan(900);
});

test("a failing member is avoided, and a member with an open circuit on every worker is never asked", () => {
  expect(draws({ a: quick(500, 0.5), b: quick(500) }).b).toBeGreaterThan(900);
  const open: ProviderSignals = {
    health: [{ state: "open", code: "provider_unreachable" }],
    queue: undefined,
  };
  expect(draws({ a: open, b: quick(3_000) })).toEqual({ b: 1_000 });
  // A worker that cannot reach the provider does not speak for the others.
  const half = { ...open, health: [...open.health, ...quick(500).health] };
  expect(draws({ a: half, b: quick(500) }).a).toBeGreaterThan(400);
});

test("a full member is left to the runs that wait for it", () => {
  const full = { ...quick(500), queue: { waiting: 5, active: 10 } };
  expect(draws({ a: full, b: quick(900) }).b).toBeGreaterThan(900);
});

test("runs that were given away since the last refresh count as load", () => {
  const choice = new ProviderChoice({
    gateway: { current },
    signalsOf: (name) => (name === "a" ? quick(300) : quick(900)),
    random: () => 0.5,
  });
  const firsts = Array.from({ length: 30 }, () => choice.order(["a", "b"])[0]);
  expect(firsts.slice(0, 8)).toEqual(Array.from({ length: 8 }, () => "a"));
  expect(firsts).toContain("b");
});

test("the other members stand in, best first, and members that are down last", () => {
  const choice = new ProviderChoice({
    gateway: { current },
    signalsOf: (name) =>
      ({
        a: { health: [{ state: "open" as const }], queue: undefined },
        b: quick(2_900),
        home: quick(300),
      })[name] ?? NOTHING,
    random: () => 0,
  });
  expect(choice.order(["a", "b", "home"])).toEqual(["b", "home", "a"]);
  expect(choice.order([])).toEqual([]);
});
