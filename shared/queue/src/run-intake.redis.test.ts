import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { createLogger } from "@openclaw/runtime";
import { eventually, setClockBack } from "@openclaw/testing";
import { expect, test } from "vitest";
import { RunPostponedError, RunReleasedError } from "./intake-errors.ts";
import type { RunJob } from "./run-job.ts";
import { jobOf, useQueues } from "./testing/queue-fixture.ts";

const fixture = useQueues();

test("a run whose worker vanished is taken by another within 6 s", async () => {
  let taken = 0;
  const lost = await fixture.startIntake("a", () => {
    taken += 1;
    return new Promise(() => undefined);
  });
  await fixture.queues.add(jobOf("a"));
  await eventually("the first worker to take it", () => taken === 1);
  await lost.stop();
  const rescued: RunJob[] = [];
  await fixture.startIntake("a", async (run) => void rescued.push(run));
  await eventually("the second worker to take it", () => rescued.length === 1, { withinMs: 6_000 });
});

test("a run whose worker vanished while the clock of Redis was set back a minute is taken no later", async () => {
  const taken: string[] = [];
  const lost = await fixture.startIntake("a", ({ runId }) => {
    taken.push(runId);
    return new Promise(() => undefined);
  });
  await fixture.queues.add(jobOf("a"));
  await eventually("the first worker to take it", () => taken.length === 1);
  const setBack: string[] = [];
  const rescued: RunJob[] = [];
  await fixture.startIntake("a", async (run) => void rescued.push(run), {
    onClockSetBack: async (runIds) => void setBack.push(...runIds),
  });
  const mark = `${fixture.redis.prefix}{queue-a}:runs:clock`;
  await eventually("a look at the clock", () => fixture.redis.commands.exists(mark));
  await lost.stop();
  await setClockBack(fixture.redis.commands, fixture.redis.prefix, 60_000);
  await eventually("the second worker to take it", () => rescued.length === 1);
  expect(setBack).toEqual(taken);
});

test("a worker that throws is offered the run again", async () => {
  let tries = 0;
  await fixture.startIntake("a", async () => {
    tries += 1;
    if (tries === 1) throw new Error("redis was away");
  });
  await fixture.queues.add(jobOf("a"));
  await eventually("the second try", () => tries === 2);
});

/**
 * Looks on at every command, from now to the end of the test. By a plain socket: ioredis takes what a busy Redis tells at
 * once for replies.
 */
async function monitor(onCommand: (words: readonly string[]) => void): Promise<void> {
  const { hostname, port } = new URL(fixture.redis.url);
  const socket = connect(Number(port), hostname);
  fixture.stops.push(async () => void socket.destroy());
  const lines = createInterface(socket);
  const begun = once(lines, "line");
  socket.write("MONITOR\r\n");
  await begun;
  lines.on("line", (line) => {
    const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = ""]) => word);
    onCommand([words[0]?.toLowerCase() ?? "", ...words.slice(1)]);
  });
}

test("a postponed run is offered again on time, and meanwhile no read blocks for longer than half a second", async () => {
  const blockedForS: number[] = [];
  await monitor(([command, key, timeoutS]) => {
    if (command === "bzpopmin" && key?.startsWith(fixture.redis.prefix)) {
      blockedForS.push(Number(timeoutS));
    }
  });
  const offeredAt: number[] = [];
  await fixture.startIntake("a", async ({ runId }) => {
    offeredAt.push(performance.now());
    if (offeredAt.length === 1) throw new RunPostponedError(runId, 2_000);
  });
  await fixture.queues.add(jobOf("a"));
  await eventually("the second offer", () => offeredAt.length === 2);
  const [first = 0, second = 0] = offeredAt;
  expect(second - first).toBeGreaterThan(1_950);
  // BullMQ's own read blocks for 10 s.
  expect(second - first).toBeLessThan(8_000);
  expect(blockedForS.length).toBeGreaterThan(3);
  expect(Math.max(...blockedForS)).toBe(0.5);
});

test("a released run is offered again at once, before those that wait, however often", async () => {
  const offered: string[] = [];
  const released = jobOf("a");
  const behind = jobOf("a");
  const times = 25;
  const onRun = async ({ runId }: RunJob) => {
    if (offered.push(runId) === 1) await fixture.queues.add(behind);
    if (runId === released.runId && offered.length <= times) throw new RunReleasedError(runId);
  };
  await fixture.queues.add(released);
  await fixture.startIntake("a", onRun, { concurrency: 1 });
  await eventually("the run behind it", () => offered.includes(behind.runId));
  const { runId } = released;
  expect(offered).toEqual([...Array(times + 1).fill(runId), behind.runId]);
});

test("a run offered again to the process that works on it is joined, not started twice", async () => {
  let starts = 0;
  let finish: () => void = () => undefined;
  const said: string[] = [];
  const onRun = () => {
    starts += 1;
    return new Promise<void>((resolve) => {
      finish = resolve;
    });
  };
  const destination = { write: (line: string) => void said.push(line) };
  const log = createLogger({ service: "test", level: "info" }, destination);
  await fixture.startIntake("a", onRun, { log });
  const run = jobOf("a");
  await fixture.queues.add(run);
  await eventually("the start", () => starts === 1);
  // The lease is lost, as after a process that stood still for too long.
  const [lock] = await fixture.redis.commands.keys(`${fixture.redis.prefix}*${run.runId}:lock`);
  await fixture.redis.commands.set(lock ?? "", "another's token", "PX", 500);
  const joined = () => said.some((line) => line.includes("run offered again, joined"));
  await eventually("the run to be offered again", joined, { withinMs: 8_000 });
  finish();
  await eventually(
    "the job to be done",
    async () => (await fixture.queues.counts("a")).active === 0,
  );
  expect(starts).toBe(1);
});
