import { describe, expect, test } from "vitest";
import { Answer } from "./answer.ts";
import { RestartedError } from "./gateway-error.ts";
import { readEvents, readText } from "./reading.ts";
import type { RunEvent } from "./run-event.ts";
import { deltas, done, restart, started } from "./testing/scripted-gateway.ts";
import type { DownFrame } from "./wire.ts";

const RUN = "run-1";

function feed(answer: Answer, ...frames: DownFrame[]): void {
  for (const frame of frames) answer.apply(frame);
}

/** Reads to the end; what it got, and what it was thrown. */
async function drain(reader: AsyncIterable<string>): Promise<{ given: string[]; error?: unknown }> {
  const given: string[] = [];
  try {
    for await (const piece of reader) given.push(piece);
    return { given };
  } catch (error) {
    return { given, error };
  }
}

/** A reader that has been given `before` when the attempt is lost; what it gets from then on. */
async function afterRestart(before: string[], later: string[]) {
  const answer = new Answer();
  const reader = readText(answer, "delta");
  feed(answer, started(RUN), ...deltas(RUN, before));
  if (before.length > 0) expect((await reader.next()).value).toBe(before.join(""));
  feed(answer, restart(RUN, 2), started(RUN, 2), ...deltas(RUN, later, { epoch: 2 }), done(RUN));
  return { answer, ...(await drain(reader)) };
}

describe("when an attempt is lost, a loop over the text", () => {
  test("goes on where the next one repeats what was given, wherever that is cut", async () => {
    const { given, error } = await afterRestart(["ab", "cd"], ["a", "bc", "def", "g"]);
    expect([given.join(""), error]).toEqual(["efg", undefined]);
  });

  test("throws at the first difference, and a new loop begins with the new attempt", async () => {
    const { answer, given, error } = await afterRestart(["abcd"], ["ab", "xyz"]);
    expect(given).toEqual([]);
    expect(error).toBeInstanceOf(RestartedError);
    expect(error).toMatchObject({ code: "restarted", retryable: true });
    expect((await drain(readText(answer, "delta"))).given.join("")).toBe("abxyz");
  });

  test("throws when the next one ends short of what was given", async () => {
    const { given, error } = await afterRestart(["abcd"], ["ab"]);
    expect([given, error]).toEqual([[], expect.any(RestartedError)]);
  });

  test("notices nothing when it was given nothing", async () => {
    const { given, error } = await afterRestart([], ["xyz"]);
    expect([given, error]).toEqual([["xyz"], undefined]);
  });

  test("holds a third attempt to what was given in all, not to what the second repeated of it", async () => {
    const answer = new Answer();
    const reader = readText(answer, "delta");
    feed(answer, started(RUN), ...deltas(RUN, ["abcd"]));
    await reader.next();
    feed(answer, restart(RUN, 2), started(RUN, 2), ...deltas(RUN, ["ab"], { epoch: 2 }));
    const next = reader.next();
    await Promise.resolve();
    feed(answer, restart(RUN, 3), started(RUN, 3), ...deltas(RUN, ["abce"], { epoch: 3 }));
    await expect(next).rejects.toBeInstanceOf(RestartedError);
  });

  test("and past the curtain, to what the second attempt added", async () => {
    const answer = new Answer();
    const reader = readText(answer, "delta");
    feed(answer, started(RUN), ...deltas(RUN, ["ab"]));
    await reader.next();
    feed(answer, restart(RUN, 2), started(RUN, 2), ...deltas(RUN, ["abcd"], { epoch: 2 }));
    expect((await reader.next()).value).toBe("cd");
    feed(answer, restart(RUN, 3), started(RUN, 3));
    feed(answer, ...deltas(RUN, ["abcdef"], { epoch: 3 }), done(RUN));
    expect((await drain(reader)).given).toEqual(["ef"]);
  });
});

test("a slow reader gets all that has come at once, and the error behind it", async () => {
  const answer = new Answer();
  feed(answer, started(RUN), ...deltas(RUN, ["a", "b", "c"]));
  feed(answer, {
    type: "error",
    run: RUN,
    code: "provider_cut",
    message: "It broke off.",
    retryable: true,
    retryAfterMs: 9,
  });
  const { given, error } = await drain(readText(answer, "delta"));
  expect(given).toEqual(["abc"]);
  expect(error).toMatchObject({ code: "provider_cut", retryable: true, retryAfterMs: 9 });
});

describe("events", () => {
  test("that nobody takes cost no more than the answer: pieces merge, lost attempts go", async () => {
    const answer = new Answer();
    const reader = readEvents(answer);
    feed(answer, { type: "queued", run: RUN, position: 9, waitMs: 90 });
    const first = await reader.next();
    feed(answer, { type: "queued", run: RUN, position: 8, waitMs: 80 });
    feed(answer, { type: "queued", run: RUN, position: 7, waitMs: 70 });
    feed(answer, started(RUN), ...deltas(RUN, Array(1_000).fill("lost")));
    feed(answer, restart(RUN, 2), started(RUN, 2));
    feed(answer, ...deltas(RUN, Array(1_000).fill("x"), { epoch: 2 }));
    for (let round = 0; round < 50; round += 1) {
      answer.reconnecting();
      answer.resumed();
    }
    feed(answer, done(RUN));
    const rest: RunEvent[] = [];
    for await (const event of reader) rest.push(event);
    expect(first.value).toEqual({ type: "queued", position: 9, waitMs: 90 });
    expect(rest).toMatchObject([
      { type: "queued", position: 7 },
      { type: "started", model: "model-1" },
      { type: "restarted" },
      { type: "started", model: "model-2" },
      { type: "delta", text: "x".repeat(1_000) },
      { type: "resumed" },
      { type: "done", text: "x".repeat(1_000), provider: "zhipu", usage: { outputTokens: 5 } },
    ]);
  });

  test("begin with what has been, for who comes late", async () => {
    const answer = new Answer();
    answer.accepted(RUN);
    feed(answer, started(RUN), { type: "reasoning", run: RUN, epoch: 1, seq: 1, text: "hm" });
    feed(answer, ...deltas(RUN, ["a", "b"], { first: 2 }), done(RUN));
    const types: string[] = [];
    for await (const event of readEvents(answer)) types.push(event.type);
    expect(types).toEqual(["accepted", "started", "reasoning", "delta", "done"]);
  });
});
