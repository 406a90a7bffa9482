import { randomUUID } from "node:crypto";
import { eventually } from "@openclaw/testing";
import { Redis } from "ioredis";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { RunJob } from "./run-job.ts";
import { jobOf, useQueues } from "./testing/queue-fixture.ts";

const fixture = useQueues();

describe("a Redis that takes away a right", () => {
  const USER = `intake-${randomUUID().slice(0, 8)}`;
  const INTAKES = 5;
  /** Each renews its leases once a second, and looks for a run and for lost ones twice. Unpaced it is thousands. */
  const MOST_PER_SECOND = 20 * INTAKES;
  let admin: Redis;

  beforeEach(async () => {
    admin = new Redis(fixture.redis.url);
    await admin.call("ACL", "SETUSER", USER, "reset", "on", "nopass", "~*", "&*", "+@all");
    // Behind the hooks that stop the intakes, which need it for that.
    onTestFinished(async () => {
      await admin.call("ACL", "DELUSER", USER);
      admin.disconnect();
    });
  });

  const refused = async () => {
    const stats = await admin.info("commandstats");
    const counts = [...stats.matchAll(/(?:rejected|failed)_calls=(\d+)/g)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  };

  test.each(["-@scripting", "-evalsha", "-bzpopmin", "-rpoplpush"])(
    "%s: is asked at a walk, and served once it gives it back",
    async (right) => {
      const url = fixture.redis.url.replace("redis://", `redis://${USER}:any@`);
      const taken: RunJob[] = [];
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const onRun = async (run: RunJob) => {
        taken.push(run);
        await released;
      };
      for (let n = 0; n < INTAKES; n += 1)
        await fixture.startIntake("a", onRun, { url, concurrency: 1 });
      for (let n = 0; n < INTAKES; n += 1) await fixture.queues.add(jobOf("a"));
      await eventually("all at work", () => taken.length === INTAKES);
      await admin.call("ACL", "SETUSER", USER, right);
      // From here on each looks for its next run, which BullMQ does again and again.
      release();
      const [before, from] = [await refused(), performance.now()];
      await eventually("two seconds", () => performance.now() - from > 2_000);
      const perSecond = ((await refused()) - before) / ((performance.now() - from) / 1_000);
      expect(perSecond).toBeGreaterThan(0);
      expect(perSecond).toBeLessThan(MOST_PER_SECOND);
      await admin.call("ACL", "SETUSER", USER, right.replace("-", "+"));
      const next = jobOf("a");
      await fixture.queues.add(next);
      const isTaken = () => taken.some(({ runId }) => runId === next.runId);
      await eventually("the next run", isTaken, { withinMs: 8_000 });
      const left = async () => Object.values(await fixture.queues.counts("a"));
      await eventually("all written", async () => (await left()).every((count) => count === 0), {
        withinMs: 8_000,
      });
    },
  );
});
