import { expect, test, vi } from "vitest";
import { Admission } from "./admission.ts";
import { type FaultOptions, readFaults } from "./fault-settings.ts";

const ASKED = { profile: "zhipu", key: "key-1", model: "m" };

function settings(faults: FaultOptions) {
  const read = readFaults(faults, ["zhipu"]);
  if (!read.ok) throw new Error(read.problems.join());
  return read.settings;
}

test("a key has its requests of any 60 s, and what was refused is none of them", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    const limited = settings({ accounts: { "key-1": { perMinute: 2 } } });
    const admission = new Admission();
    const kinds = (times: number) =>
      Array.from({ length: times }, () => admission.enter(ASKED, limited)?.kind);
    expect(kinds(3)).toEqual([undefined, undefined, "perMinute"]);
    vi.advanceTimersByTime(59_999);
    expect(kinds(1)).toEqual(["perMinute"]);
    vi.advanceTimersByTime(1);
    expect(kinds(3)).toEqual([undefined, undefined, "perMinute"]);
    expect(admission.enter({ ...ASKED, key: "key-2" }, limited)).toBeUndefined();
    admission.forget();
    expect(kinds(3)).toEqual([undefined, undefined, "perMinute"]);
  } finally {
    vi.useRealTimers();
  }
});

test("who is refused takes no place", () => {
  const limited = settings({
    concurrency: { zhipu: 1 },
    accounts: { "key-1": { models: ["other"] } },
    endOfLife: { old: "2026-05-14" },
  });
  const admission = new Admission();
  expect(admission.enter(ASKED, limited)).toEqual({ kind: "account", fields: { status: 404 } });
  const old = { ...ASKED, model: "old" };
  expect(admission.enter(old, limited)).toEqual({ kind: "endOfLife", fields: { status: 410 } });
  const served = { ...ASKED, model: "other" };
  expect(admission.enter(served, limited)).toBeUndefined();
  expect(admission.enter(served, limited)?.kind).toBe("concurrency");
  admission.leave("zhipu");
  expect(admission.enter(served, limited)).toBeUndefined();
});

test("a full model server says so in one way and the other", () => {
  const limited = settings({ capacity: { zhipu: 0 } });
  const admission = new Admission();
  const fields = [1, 2, 3].map(() => admission.enter(ASKED, limited)?.fields);
  expect(fields).toEqual([{ status: 503 }, { errorAfter: 0 }, { status: 503 }]);
});
