import { parseGatewayConfig } from "@openclaw/config";
import { createLogger } from "@openclaw/runtime";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { NO_READER } from "../answers/answer.ts";
import { LiveRun } from "../runs/live-run.ts";
import type { EndedHolds } from "../telemetry/hold-times.ts";
import { QueueNotices, type QueueNoticesOptions } from "./queue-notices.ts";

const log = createLogger({ service: "test", level: "silent" });
const provider = { kind: "openai", baseUrl: "http://127.0.0.1/v1", model: "m" };
const current = parseGatewayConfig(
  { providers: { a: provider, slow: provider } },
  { source: "test", env: {} },
);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Runs that wait, and the notices that each one got. */
function waitingRuns(...ids: readonly [provider: string, runId: string][]) {
  const told: string[] = [];
  const waits: number[] = [];
  const runs = ids.map(([provider, runId]) => {
    const run = new LiveRun({
      runId,
      session: "s",
      provider,
      chain: [provider],
      answer: {
        ...NO_READER,
        onQueued: (...[position, waitMs]) => {
          told.push(`${runId} ${position}`);
          waits.push(waitMs);
        },
      },
      read: async () => undefined,
      deadlines: { queueMs: () => 60_000, silenceMs: () => 60_000, totalMs: 60_000 },
      onEnded: () => undefined,
    });
    run.queued();
    return run;
  });
  return { told, waits, runs: { queued: () => runs, agesAt: () => [] } };
}

const NONE: EndedHolds = { count: 0, ms: [] };

async function startNotices(
  runs: QueueNoticesOptions["runs"],
  waiting: (provider: string) => Promise<string[]>,
  known: { readonly active?: number; readonly own?: EndedHolds; readonly all?: EndedHolds } = {},
): Promise<QueueNotices> {
  const { active = 0, own = NONE, all = NONE } = known;
  const notices = new QueueNotices({
    runs,
    queues: { waiting, counts: async () => ({ waiting: 0, active }) },
    stats: { holds: () => own },
    view: { holds: () => [all] },
    gateway: { current },
    log,
  });
  await notices.start();
  return notices;
}

test("a queue that answers slowly is not read again meanwhile, and the other queues are read beside it", async () => {
  const { told, runs } = waitingRuns(["slow", "s1"], ["a", "a1"], ["slow", "s2"], ["a", "a2"]);
  const asked: string[] = [];
  let answer: (ids: string[]) => void = () => undefined;
  const notices = await startNotices(runs, (provider) => {
    asked.push(provider);
    if (provider === "a") return Promise.resolve(["a2", "another's", "a1"]);
    return new Promise((resolve) => {
      answer = resolve;
    });
  });
  await vi.advanceTimersByTimeAsync(6_000);
  expect(asked).toEqual(["slow", "a"]);
  expect(told).toEqual(["a1 2", "a2 0"]);
  answer(["s1", "s2"]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(told.slice(2, 4)).toEqual(["s1 0", "s2 1"]);
  expect(asked).toEqual(["slow", "a", "slow", "a"]);
  await notices.stop();
});

const holds = (count: number, ms: number) => ({ count, ms: Array<number>(count).fill(ms) });

test.each([
  ["nobody's: 3 s each", {}, [3_000]],
  [
    "of all edges, while few have ended here",
    { own: holds(1, 8_000), all: holds(3, 8_000) },
    [8_000],
  ],
  ["its own, once ten have ended here", { own: holds(10, 500), all: holds(90, 8_000) }, [500]],
])("how long runs last is %s", async (_, known, expected) => {
  const { waits, runs } = waitingRuns(["a", "a1"]);
  const atWork = { ...runs, agesAt: () => [0] };
  const notices = await startNotices(atWork, async () => ["a1"], { active: 1, ...known });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(waits).toEqual(expected);
  await notices.stop();
});
