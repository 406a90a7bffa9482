/** Runs whose record or log Redis cannot work with: they fail alone, and at once. */
import { createLogger } from "@openclaw/runtime";
import { type PublishedEntry, Subscription } from "@openclaw/stream";
import { eventually } from "@openclaw/testing";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { TestWorkers } from "../testing/test-workers.ts";
import { executeRun } from "./execute-run.ts";

let workers: TestWorkers;

beforeEach(async () => {
  workers = await TestWorkers.start(inject("redisUrl"));
});

afterEach(() => workers.stop());

/** What reaches the edge that watches every run here. */
async function listen(): Promise<readonly PublishedEntry[]> {
  const heard: PublishedEntry[] = [];
  const { commands, keys } = workers.stream;
  const subscription = new Subscription({
    createSubscriber: () => workers.stream.subscriber(),
    commands,
    keys,
    node: "edge-1",
    log: createLogger({ service: "test", level: "silent" }),
    onBatch: (batch) => heard.push(...batch),
    onRestored: () => undefined,
  });
  await subscription.start();
  onTestFinished(() => subscription.stop());
  return heard;
}

const spoil = (key: string) => workers.stream.commands.set(key, "no longer what it was");
const errors = () => workers.logged.filter(({ level }) => level === 50);

describe.each(["record", "log"] as const)("a run whose %s cannot be worked with", (what) => {
  test("fails alone while it streams: its neighbour goes on, and one line names it", async () => {
    const heard = await listen();
    const worker = await workers.add("mine");
    const [broken, neighbour] = [await workers.begin(worker), await workers.begin(worker)];
    const streams = [await worker.scripted.nextRequest(), await worker.scripted.nextRequest()];
    for (const stream of streams) stream.say("first");
    const saidIn = ({ runId }: { runId: string }) => heard.filter((one) => one.runId === runId);
    await eventually("both", () => saidIn(broken).length > 1 && saidIn(neighbour).length > 1);

    await spoil(workers.stream.keys[what](broken.runId));
    for (const stream of streams) stream.say("second");
    await broken.finished;
    const end = await eventually("its end", () =>
      saidIn(broken).find(({ entry }) => entry.type !== "started" && entry.type !== "text"),
    );
    expect(end?.entry).toMatchObject({ type: "failed", failure: { code: "internal" } });
    // It stands behind the last piece, so that a reader takes it as it comes.
    expect(end?.position).toEqual({ epoch: saidIn(broken)[0]?.position.epoch, seq: 2 });
    expect(errors()).toMatchObject([{ runId: broken.runId, err: { message: /WRONGTYPE/ } }]);

    await eventually("the second piece", () => saidIn(neighbour).length > 2);
    for (const stream of streams) stream.finish();
    await neighbour.finished;
    expect(await workers.textOf(neighbour.runId)).toBe("firstsecond");
    expect(saidIn(neighbour).map(({ entry }) => entry.type)).not.toContain("failed");
  });

  test("fails at its claim, instead of being tried again and again", async () => {
    const heard = await listen();
    const worker = await workers.add("mine");
    const runId = await workers.stream.createRun({ edge: "edge-1", provider: "mine" });
    await spoil(workers.stream.keys[what](runId));
    const messages = [{ role: "user" as const, content: "hi" }];
    await executeRun({ runId, session: "s", provider: "mine", messages, fallback: [] }, worker);
    await eventually("its end", () => heard.length > 0);
    expect(heard).toMatchObject([{ runId, entry: { type: "failed" } }]);
    expect(errors()).toMatchObject([{ runId }]);
    expect(worker.scripted.requests).toBe(0);
  });
});

describe.each(["seq", "epoch", "attempts", "heard_at", "ends_by"])(
  "a run whose %s is no number",
  (field) => {
    test("fails at its claim, once, with a line that names it", async () => {
      const heard = await listen();
      const worker = await workers.add("mine");
      const runId = await workers.stream.createRun({ edge: "edge-1", provider: "mine" });
      await workers.stream.commands.hset(workers.stream.keys.record(runId), field, "nan");
      const messages = [{ role: "user" as const, content: "hi" }];
      await executeRun({ runId, session: "s", provider: "mine", messages, fallback: [] }, worker);
      await eventually("its end", () => heard.length > 0);
      expect(heard).toMatchObject([
        { runId, entry: { type: "failed", failure: { code: "internal" } } },
      ]);
      expect(errors()).toMatchObject([
        { runId, err: { message: new RegExp(`the field ${field} of `) } },
      ]);
      expect(worker.scripted.requests).toBe(0);
    });
  },
);

test.each(["seq", "bytes"])(
  "a run whose %s becomes no number while it streams fails at once",
  async (field) => {
    const heard = await listen();
    const worker = await workers.add("mine");
    const run = await workers.begin(worker);
    const provider = await worker.scripted.nextRequest();
    provider.say("first");
    await eventually("its text", () => heard.length > 1);
    await workers.stream.commands.hset(workers.stream.keys.record(run.runId), field, "nan");
    provider.say("second");
    await run.finished;
    const end = await eventually("its end", () =>
      heard.find(({ entry }) => entry.type === "failed"),
    );
    expect(end?.entry).toMatchObject({ failure: { code: "internal" } });
    expect(errors()).toMatchObject([{ runId: run.runId }]);
  },
);
