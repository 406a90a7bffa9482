import { eventually } from "@openclaw/testing";
import { expect, test } from "vitest";
import type { RunJob } from "./run-job.ts";
import { jobOf, useQueues } from "./testing/queue-fixture.ts";

const fixture = useQueues();

test("a run reaches a worker of its provider, whole and once, even if it is added twice", async () => {
  const [a, b]: [RunJob[], RunJob[]] = [[], []];
  await fixture.startIntake("a", async (run) => void a.push(run));
  await fixture.startIntake("b", async (run) => void b.push(run));
  const run = { ...jobOf("a"), options: { temperature: 0, stop: ["END"] }, anew: true };
  await fixture.queues.add(run);
  await fixture.queues.add(run);
  await fixture.queues.add(jobOf("b"));
  await eventually("both", () => a.length === 1 && b.length === 1);
  expect(a).toEqual([run]);
});

test("the limit of a provider holds over two workers, and every run is worked on", async () => {
  await fixture.queues.limitConcurrency("a", 3);
  let [active, most, done] = [0, 0, 0];
  const onRun = async () => {
    active += 1;
    most = Math.max(most, active);
    await new Promise((resolve) => setTimeout(resolve, 5));
    active -= 1;
    done += 1;
  };
  await fixture.startIntake("a", onRun);
  await fixture.startIntake("a", onRun);
  await Promise.all(Array.from({ length: 60 }, () => fixture.queues.add(jobOf("a"))));
  await eventually("all runs", () => done === 60);
  expect(most).toBe(3);
});

test("a removed run is not worked on, and counts say what waits", async () => {
  const run = jobOf("a");
  await fixture.queues.add(run);
  expect(await fixture.queues.counts("a")).toEqual({ waiting: 1, active: 0 });
  await fixture.queues.remove("a", run.runId);
  expect(await fixture.queues.counts("a")).toEqual({ waiting: 0, active: 0 });
});

test("a provider that is not known here has a queue all the same, for runs that come and go", async () => {
  expect([fixture.queues.has("a"), fixture.queues.has("new")]).toEqual([true, false]);
  const run = jobOf("new");
  await fixture.queues.add(run);
  expect(await fixture.queues.waiting("new")).toEqual([run.runId]);
  await fixture.queues.remove("new", run.runId);
  expect(await fixture.queues.counts("new")).toEqual({ waiting: 0, active: 0 });
});

test("says which runs wait, the next to go first", async () => {
  const ids: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const run = jobOf("a");
    ids.push(run.runId);
    await fixture.queues.add(run);
  }
  expect(await fixture.queues.waiting("a")).toEqual(ids);
  const taken: string[] = [];
  await fixture.startIntake("a", async ({ runId }) => void taken.push(runId), { concurrency: 1 });
  await eventually("all taken", () => taken.length === 3);
  expect(taken).toEqual(ids);
});
