import { expect, test } from "vitest";
import type { Directive } from "../directive.ts";
import { FaultInjector } from "./fault-injector.ts";
import { type FaultOptions, readFaults } from "./fault-settings.ts";

const PROFILES = ["zhipu", "hunyuan"];
const ASKER = { key: "key-1", model: "m" };

function injector(faults: FaultOptions): FaultInjector {
  const read = readFaults(faults, PROFILES);
  if (!read.ok) throw new Error(read.problems.join());
  const created = new FaultInjector();
  created.set(read.settings);
  return created;
}

/** The next decisions for one profile, each request over before the next begins. */
function decisions(from: FaultInjector, many: number, profile = "zhipu", asked: Directive = {}) {
  return Array.from({ length: many }, () => {
    const decision = from.decide({ ...ASKER, profile, asked, reused: true });
    decision.release();
    return decision;
  });
}
const directives = (...args: Parameters<typeof decisions>) =>
  decisions(...args).map(({ directive }) => directive);

const MANY: FaultOptions = { seed: 5, probability: { cutAfter: 0.2, hang: 0.1, status: 0.1 } };

test("the same seed decides the same, and another one does not", () => {
  const first = directives(injector(MANY), 200);
  expect(directives(injector(MANY), 200)).toEqual(first);
  expect(directives(injector({ ...MANY, seed: 6 }), 200)).not.toEqual(first);
});

test("neither another profile nor a fault that was asked for shifts the sequence", () => {
  const alone = directives(injector(MANY), 20);
  const busy = injector(MANY);
  const mixed = alone.map((_, index) => {
    decisions(busy, 3, "hunyuan");
    const asked = index % 2 === 0 ? { refuse: true as const } : {};
    return directives(busy, 1, "zhipu", asked)[0];
  });
  expect(mixed.filter((_, index) => index % 2 === 1)).toEqual(
    alone.filter((_, index) => index % 2 === 1),
  );
  expect(mixed.filter((_, index) => index % 2 === 0)).toEqual(Array(10).fill({ refuse: true }));
});

test("setting faults begins the sequence anew", () => {
  const set = injector(MANY);
  const first = directives(set, 10);
  set.set(set.settings);
  expect(directives(set, 10)).toEqual(first);
});

test("each fault comes about as often as it should, at different places", () => {
  const all = decisions(injector(MANY), 2_000);
  const share = (kind: string) => all.filter((each) => each.kind === kind).length / all.length;
  expect(share("cutAfter")).toBeCloseTo(0.2, 1);
  expect(share("hang")).toBeCloseTo(0.1, 1);
  const places = new Set(all.map(({ directive }) => directive.cutAfter));
  expect(places.size).toBeGreaterThan(20);
});

test("only the profiles that are meant have them", () => {
  const set = injector({ probability: { refuse: 1 }, faultOn: ["zhipu"] });
  expect(directives(set, 2, "zhipu")).toEqual([{ refuse: true }, { refuse: true }]);
  expect(directives(set, 2, "hunyuan")).toEqual([{}, {}]);
});

test("a drawn fault changes nothing else of what the request asks", () => {
  const set = injector({ probability: { hang: 1 } });
  expect(directives(set, 1, "zhipu", { text: "a", gapMs: 3 })).toEqual([
    { text: "a", gapMs: 3, hang: true },
  ]);
});

test("stale spares a socket that carried nothing yet", () => {
  const set = injector({ probability: { stale: 1 } });
  const decide = (reused: boolean) => set.decide({ ...ASKER, profile: "zhipu", asked: {}, reused });
  expect(decide(false)).toMatchObject({ directive: {}, kind: undefined });
  expect(decide(true)).toMatchObject({ directive: { stale: true }, kind: "stale" });
});

test("a burst refuses the first of every so many, of each profile by itself", () => {
  const set = injector({ burst: { status: 503, requests: 2, every: 5, retryAfterS: 3 } });
  const kinds = (profile: string) => decisions(set, 7, profile).map(({ kind }) => kind);
  const pattern = ["burst", "burst", undefined, undefined, undefined, "burst", "burst"];
  expect(kinds("zhipu")).toEqual(pattern);
  expect(kinds("hunyuan")).toEqual(pattern);
  set.set(set.settings);
  expect(directives(set, 1)).toEqual([{ status: 503, retryAfterS: 3 }]);
});

test("one request more than a profile takes at once is refused, until one is over", () => {
  const set = injector({ concurrency: { zhipu: 2 } });
  const decide = (profile = "zhipu") =>
    set.decide({ ...ASKER, profile, asked: { text: "a" }, reused: false });
  const [first, second] = [decide(), decide()];
  expect([first.kind, second.kind]).toEqual([undefined, undefined]);
  const refused = decide();
  expect(refused).toMatchObject({ directive: { text: "a", status: 429 }, kind: "concurrency" });
  // The refused request has no place to give back.
  refused.release();
  expect(decide().kind).toBe("concurrency");
  expect(decide("hunyuan").kind).toBeUndefined();
  first.release();
  expect(decide().kind).toBeUndefined();
});

test.each([
  [{ probability: { cutAfter: 1.5 } }, /probability\.cutAfter/],
  [{ probability: { cutAfter: 0.6, hang: 0.6 } }, /the sum is above 1/],
  [{ probability: { sulk: 0.1 } }, /sulk/],
  [{ burst: { status: 500, requests: 1, every: 2 } }, /burst\.status/],
  [{ concurrency: { zhipo: 3 } }, /zhipo is not a profile/],
  [{ faultOn: ["nobody"] }, /nobody is not a profile/],
  [{ idle: 3 }, /idle/],
  ["x", /expected object/],
])("%j is refused with the reason", (value, reason) => {
  const read = readFaults(value, PROFILES);
  expect(read.ok ? "" : read.problems.join()).toMatch(reason);
});

test("ten times 0.1 is not above 1", () => {
  const kinds = ["refuse", "hang", "status", "cutAfter", "resetAfter", "stallAfter", "endAfter"];
  const more = [...kinds, "errorAfter", "garbageAfter", "hugeAfter"];
  const probability = Object.fromEntries(more.map((kind) => [kind, 0.1]));
  expect(readFaults({ probability }, PROFILES)).toMatchObject({ ok: true });
});
