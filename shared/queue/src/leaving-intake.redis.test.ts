import { eventually, TcpProxy } from "@openclaw/testing";
import { describe, expect, test } from "vitest";
import type { RunJob } from "./run-job.ts";
import { jobOf, useQueues } from "./testing/queue-fixture.ts";

const fixture = useQueues();

test("draining lets the run at work finish and takes no other", async () => {
  let finish: () => void = () => undefined;
  const taken: string[] = [];
  const intake = await fixture.startIntake(
    "a",
    (run) => {
      taken.push(run.runId);
      return new Promise((resolve) => {
        finish = resolve;
      });
    },
    { concurrency: 1 },
  );
  await fixture.queues.add(jobOf("a"));
  await eventually("the run at work", () => taken.length === 1);
  const drained = intake.drain(AbortSignal.timeout(5_000));
  const late = jobOf("a");
  await fixture.queues.add(late);
  finish();
  await drained;
  expect(taken).toHaveLength(1);
  await fixture.queues.remove("a", late.runId);
});

describe("a worker that leaves", () => {
  /** An intake whose connections lead through a network of its own. */
  async function startAfar(onRun: (job: RunJob) => Promise<void>) {
    const { hostname: host, port } = new URL(fixture.redis.url);
    const network = await TcpProxy.start({ host, port: Number(port) });
    fixture.stops.push(() => network.stop());
    const url = `redis://127.0.0.1:${network.port}`;
    return { network, intake: await fixture.startIntake("a", onRun, { url }) };
  }

  test("has what became of runs that were just ending written, each with its own", async () => {
    let end: () => void = () => undefined;
    const ending = new Promise<void>((resolve) => {
      end = resolve;
    });
    const handedBack = jobOf("a");
    let atWork = 0;
    const intake = await fixture.startIntake("a", async ({ runId }) => {
      atWork += 1;
      await ending;
      if (runId === handedBack.runId) throw new Error("handed back");
    });
    await Promise.all(
      [handedBack, jobOf("a"), jobOf("a"), jobOf("a")].map((run) => fixture.queues.add(run)),
    );
    await eventually("all at work", () => atWork === 4);
    end();
    await intake.stop();
    expect(await fixture.queues.counts("a")).toEqual({ waiting: 1, active: 0 });
    await fixture.queues.remove("a", handedBack.runId);
  });

  test("gives a run back that reaches it when it has begun to leave", async () => {
    const taken: RunJob[] = [];
    const { network, intake } = await startAfar(async (run) => void taken.push(run));
    await fixture.queues.add(jobOf("a"));
    await eventually("a first run", () => taken.length === 1);
    network.latencyMs = 100;
    const late = jobOf("a");
    await fixture.queues.add(late);
    await eventually("it to be taken", async () => (await fixture.queues.counts("a")).active === 1);
    await intake.drain(AbortSignal.timeout(5_000));
    await intake.stop();
    expect(await fixture.queues.counts("a")).toEqual({ waiting: 1, active: 0 });
    expect(taken).toHaveLength(1);
    await fixture.queues.remove("a", late.runId);
  });

  test("waits for half a second at most for a Redis that says nothing", async () => {
    let end: (() => void) | undefined;
    const { network, intake } = await startAfar(
      () =>
        new Promise((resolve) => {
          end = resolve;
        }),
    );
    await fixture.queues.add(jobOf("a"));
    const finish = await eventually("a run", () => end);
    network.silence();
    finish();
    const leftAt = performance.now();
    await intake.drain(AbortSignal.timeout(5_000));
    await intake.stop();
    expect(performance.now() - leftAt).toBeLessThan(2_500);
    const rescued: RunJob[] = [];
    await fixture.startIntake("a", async (run) => void rescued.push(run));
    await eventually("another to take it", () => rescued.length === 1, { withinMs: 6_000 });
  });
});
