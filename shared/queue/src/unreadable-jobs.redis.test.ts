import { createLogger } from "@openclaw/runtime";
import { eventually } from "@openclaw/testing";
import { describe, expect, test } from "vitest";
import type { UnreadableJob } from "./run-intake.ts";
import type { RunJob } from "./run-job.ts";
import { ignore, jobOf, useQueues } from "./testing/queue-fixture.ts";

const fixture = useQueues();

describe("a job that cannot be read", () => {
  /** Adds a job as something else wrote it. */
  async function addRaw(runId: string, data: string): Promise<void> {
    await fixture.queues.add(jobOf("a", runId));
    await fixture.redis.commands.hset(
      `${fixture.redis.prefix}{queue-a}:runs:${runId}`,
      "data",
      data,
    );
  }

  const later = (runId: string) => JSON.stringify({ ...jobOf("a", runId), version: 2 });

  test.each([
    ["of another shape", '{"runId":7}'],
    ["that is no JSON", "{"],
    ["that names another run", JSON.stringify(jobOf("a", "another"))],
  ])("%s is told of once, and is done with; the one behind it is worked on", async (_, data) => {
    const unreadable: UnreadableJob[] = [];
    const onUnreadable = async (one: UnreadableJob) => void unreadable.push(one);
    await addRaw("broken", data);
    await fixture.queues.add(jobOf("a", "next"));
    const worked: string[] = [];
    await fixture.startIntake("a", async ({ runId }) => void worked.push(runId), { onUnreadable });
    await eventually("both", () => unreadable.length > 0 && worked.length > 0);
    await eventually("an empty queue", async () => (await fixture.queues.counts("a")).active === 0);
    expect(worked).toEqual(["next"]);
    expect(unreadable).toMatchObject([{ jobId: "broken", provider: "a" }]);
    expect(await fixture.queues.counts("a")).toEqual({ waiting: 0, active: 0 });
  });

  const isKept = async (runId: string) =>
    (await fixture.redis.commands.exists(`${fixture.redis.prefix}{queue-a}:runs:${runId}`)) === 1;

  describe.each<[string, (key: string) => Promise<unknown>]>([
    ["whose options are no JSON", (key) => fixture.redis.commands.hset(key, "opts", "zzz")],
    ["whose starts are no number", (key) => fixture.redis.commands.hset(key, "ats", "nan")],
    ["whose stalls are no number", (key) => fixture.redis.commands.hset(key, "stc", "nan")],
    ["that is no hash", (key) => fixture.redis.commands.set(key, "x", "PX", 60_000)],
  ])("%s", (_, spoil) => {
    test("is told of once each, keeps no place, and those behind it are worked on", async () => {
      const unreadable: string[] = [];
      const onUnreadable = async ({ jobId }: UnreadableJob) => void unreadable.push(jobId);
      await fixture.queues.limitConcurrency("a", 2);
      const spoilt = ["s1", "s2", "s3"];
      for (const runId of spoilt) {
        await fixture.queues.add(jobOf("a", runId));
        const key = `${fixture.redis.prefix}{queue-a}:runs:${runId}`;
        await spoil(key);
      }
      await fixture.queues.add(jobOf("a", "next"));
      const worked: string[] = [];
      const work = async ({ runId }: RunJob) => void worked.push(runId);
      await fixture.startIntake("a", work, { onUnreadable, concurrency: 2 });
      await fixture.startIntake("a", work, { onUnreadable, concurrency: 2 });
      await eventually("all", () => unreadable.length >= 3 && worked.length > 0);
      const left = async () => Object.values(await fixture.queues.counts("a"));
      await eventually("an empty queue", async () => (await left()).every((count) => count === 0));
      expect([unreadable.toSorted(), worked]).toEqual([spoilt, ["next"]]);
      expect(await Promise.all(spoilt.map(isKept))).toEqual([false, false, false]);
    });
  });

  test("whose ends are no number is worked on once, and keeps no place", async () => {
    const worked: string[] = [];
    await fixture.queues.add(jobOf("a", "odd"));
    await fixture.redis.commands.hset(`${fixture.redis.prefix}{queue-a}:runs:odd`, "atm", "nan");
    await fixture.startIntake("a", async ({ runId }) => void worked.push(runId));
    await eventually("its work", () => worked.length > 0);
    await eventually("its place", async () => (await fixture.queues.counts("a")).active === 0);
    expect(worked).toEqual(["odd"]);
    // BullMQ forgets the job on its way to delete it.
    await fixture.redis.commands.del(`${fixture.redis.prefix}{queue-a}:runs:odd`);
  });

  test("since a later release wrote it is given back, and a worker of that release has it", async () => {
    const lines: string[] = [];
    const log = createLogger(
      { service: "t", level: "warn" },
      { write: (line) => lines.push(line) },
    );
    const unreadable: UnreadableJob[] = [];
    const onUnreadable = async (one: UnreadableJob) => void unreadable.push(one);
    await addRaw("later", later("later"));
    await fixture.startIntake("a", ignore, { onUnreadable, log });
    await eventually("that it is given back", () => lines.length > 0);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ msg: "job given back", jobId: "later" });
    // As if what takes it now could read it.
    await addRaw("later", JSON.stringify(jobOf("a", "later")));
    const worked: string[] = [];
    await fixture.startIntake("a", async ({ runId }) => void worked.push(runId));
    await eventually(
      "the empty queue",
      async () => (await fixture.queues.counts("a")).waiting === 0,
    );
    expect([unreadable, lines.length]).toEqual([[], 1]);
  });

  test("is given back for some seconds only: then its run fails", async () => {
    const unreadable: UnreadableJob[] = [];
    const onUnreadable = async (one: UnreadableJob) => void unreadable.push(one);
    await addRaw("later", later("later"));
    await fixture.redis.commands.hset(`${fixture.redis.prefix}{queue-a}:runs:later`, "ats", 14);
    await fixture.startIntake("a", ignore, { onUnreadable });
    await eventually("the refusal", () => unreadable.length > 0);
    expect(unreadable[0]?.error.message).toContain("version 2");
  });
});
