import { parseGatewayConfig } from "@openclaw/config";
import { createLogger } from "@openclaw/runtime";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { UNREAD } from "./answer.ts";
import { LiveRun } from "./live-run.ts";
import { QueueNotices } from "./queue-notices.ts";

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

/** Runs that wait, and what each was told of its place. */
function waitingRuns(...ids: readonly [provider: string, runId: string][]) {
  const told: string[] = [];
  const runs = ids.map(([provider, runId]) => {
    const run = new LiveRun({
      runId,
      session: "s",
      provider,
      chain: [provider],
      answer: { ...UNREAD, onQueued: (position) => void told.push(`${runId} ${position}`) },
      read: async () => undefined,
      deadlines: { queueMs: () => 60_000, silenceMs: () => 60_000, totalMs: 60_000 },
      onEnded: () => undefined,
    });
    run.queued();
    return run;
  });
  return { told, runs: { queued: () => runs } };
}

async function startNotices(
  runs: { queued: () => LiveRun[] },
  waiting: (provider: string) => Promise<string[]>,
): Promise<QueueNotices> {
  const stats = { usualRunMs: () => undefined };
  const notices = new QueueNotices({ runs, queues: { waiting }, stats, gateway: { current }, log });
  await notices.start();
  return notices;
}

test("a queue that is slow to answer is not asked again meanwhile, and the others are asked beside it", async () => {
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
