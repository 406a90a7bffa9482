/** The run of a job that no worker can read. */
import { UnreadableJobError } from "@openclaw/queue";
import { createLogger } from "@openclaw/runtime";
import { createStreamFixture, type StreamFixture } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { failUnreadable } from "./fail-run.ts";

const error = new UnreadableJobError("it is of version 9");

let stream: StreamFixture;
let logged: Record<string, unknown>[];

beforeEach(async () => {
  stream = await createStreamFixture(inject("redisUrl"));
  logged = [];
});

afterEach(() => stream.close());

async function fail(jobId: string, provider = "nvidia1"): Promise<void> {
  const write = (line: string) => void logged.push(JSON.parse(line));
  const log = createLogger({ service: "test", level: "error" }, { write });
  const context = { records: stream.records, nodes: async () => [], log };
  await failUnreadable({ jobId, provider, error }, context);
}

test("a run that waits for it fails at once, and one line names it and says why", async () => {
  const runId = await stream.createRun();
  await fail(runId);
  expect(await stream.entries(runId)).toMatchObject([
    { type: "failed", failure: { code: "internal" } },
  ]);
  expect(logged).toMatchObject([{ runId, err: { message: /version 9/ } }]);
});

test("a run that has gone on, or that another attempt is at work on, is left alone", async () => {
  const [moved, active] = [await stream.createRun({ provider: "zhipu" }), await stream.createRun()];
  const epoch = await stream.claimed(active);
  for (const runId of [moved, active]) await fail(runId);
  expect(await stream.records.status(moved)).toMatchObject({ state: "queued" });
  expect(await stream.records.status(active)).toMatchObject({ state: "active" });
  await fail(`${active}-hedge-${epoch}`);
  expect(await stream.records.status(active)).toMatchObject({ state: "active" });
  expect(logged.map(({ msg }) => msg)).toEqual(["job dropped", "job dropped", "job dropped"]);
});

test("a job of a run that nobody knows is dropped", async () => {
  await fail("nobody");
  expect(logged).toMatchObject([{ jobId: "nobody" }]);
});
