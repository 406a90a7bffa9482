import { describe, expect, test } from "vitest";
import { type RunJob, readJob, writeJob } from "./run-job.ts";

const JOB = {
  runId: "r",
  session: "s",
  provider: "a",
  messages: [{ role: "user", content: "secret" }],
  fallback: ["b", "c"],
};

/** What stands on a queue after it went through Redis. */
const stored = (job: RunJob) => JSON.parse(JSON.stringify(writeJob(job)));

function jobIn(data: unknown): RunJob {
  const read = readJob(data);
  if (read.outcome !== "read") throw new Error(read.problem);
  return read.job;
}

test("a job carries its version; one of the release before has none, and is read", () => {
  expect(stored(jobIn(JOB))).toEqual({ ...JOB, version: 1 });
});

describe("what a later release adds to a job", () => {
  const later = {
    ...JOB,
    version: 1,
    tenant: { id: "t" },
    messages: [{ role: "user", content: "secret", mood: "glad" }],
    options: { maxTokens: 9 },
  };

  test("is not part of it here, so that no provider is sent it", () => {
    const job = jobIn(later);
    expect(job.messages).toEqual(JOB.messages);
    expect("tenant" in job).toBe(false);
  });

  test("travels on when the job is passed on, at any depth", () => {
    const passed = { ...jobIn(later), provider: "b", fallback: ["c"], anew: true };
    const expected = { ...later, provider: "b", fallback: ["c"], anew: true };
    expect(stored(passed)).toEqual(expected);
    // By the next worker likewise.
    expect(stored({ ...jobIn(stored(passed)), provider: "c" })).toEqual({
      ...expected,
      provider: "c",
    });
  });

  test("brings nothing back that was replaced or taken away", () => {
    const hedge = jobIn({ ...later, hedges: 5 });
    const options = { maxTokens: 5 };
    const written = stored({ ...hedge, options, hedges: undefined });
    expect(written).toEqual({ ...later, options });
  });
});

describe("a job that cannot be read", () => {
  test("is another worker's where its version is later than what is read here", () => {
    expect(readJob({ ...JOB, version: 2, messages: "compressed" })).toMatchObject({
      outcome: "unreadable",
      isLater: true,
    });
  });

  test.each([
    ["fallback", { ...JOB, fallback: "b" }],
    ["messages.0.content", { ...JOB, messages: [{ role: "user", content: 7 }] }],
    ["version", { ...JOB, version: "newest" }],
    ["the job itself", "no object"],
    ["the job itself", null],
  ])("says that it is %s, and none of its words", (field, data) => {
    const read = readJob(data);
    expect(read).toMatchObject({ outcome: "unreadable", isLater: false });
    expect(JSON.stringify(read)).toContain(field);
    expect(JSON.stringify(read)).not.toContain("secret");
  });
});
