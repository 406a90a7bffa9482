import { expect, test } from "vitest";
import { Answer } from "./answer.ts";
import { GatewayError } from "./gateway-error.ts";
import { deltas, done, restart, started } from "./testing/scripted-gateway.ts";
import type { DownFrame } from "./wire.ts";

const RUN = "run-1";

function answerOf(...frames: DownFrame[]): Answer {
  const answer = new Answer();
  answer.accepted(RUN);
  for (const frame of frames) answer.apply(frame);
  return answer;
}

const textOf = (answer: Answer) => answer.attempt.delta.join("");

test("a piece that comes twice is taken once", () => {
  const pieces = deltas(RUN, ["a", "b", "c"]);
  const answer = answerOf(started(RUN), ...pieces, ...pieces.slice(1), started(RUN), ...pieces);
  expect([textOf(answer), answer.at]).toEqual(["abc", { epoch: 1, seq: 3 }]);
});

test("a piece that would leave a hole is refused, and all that follows, the end included, until read again", () => {
  const answer = answerOf(started(RUN), ...deltas(RUN, ["a"]));
  const [late, later] = deltas(RUN, ["c", "d"], { first: 3 });
  if (!late || !later) throw new Error("unreachable");
  expect(answer.apply(late)).toBe(false);
  for (const frame of [later, done(RUN)]) answer.apply(frame);
  expect([textOf(answer), answer.end, answer.at]).toEqual(["a", undefined, { epoch: 1, seq: 1 }]);

  answer.resumed();
  for (const frame of [...deltas(RUN, ["b", "c", "d"], { first: 2 }), done(RUN)]) {
    expect(answer.apply(frame)).toBe(true);
  }
  expect(answer.end).toMatchObject({ result: { text: "abcd", run: RUN, finish: "stop" } });
});

test("pieces of an attempt that is over are not taken, whenever they come", () => {
  const stale = deltas(RUN, ["x"], { first: 2 });
  const answer = answerOf(
    started(RUN),
    ...deltas(RUN, ["a"]),
    restart(RUN, 5),
    ...stale,
    started(RUN, 5),
    ...stale,
    ...deltas(RUN, ["b"], { epoch: 5 }),
    restart(RUN, 5),
    started(RUN, 4),
  );
  expect([textOf(answer), answer.at]).toEqual(["b", { epoch: 5, seq: 1 }]);
});

test("lost between `restart` and `started`, the position is still that of the attempt before", () => {
  const answer = answerOf(started(RUN), ...deltas(RUN, ["a"]), restart(RUN, 5));
  expect([textOf(answer), answer.at]).toEqual(["", { epoch: 1, seq: 1 }]);
});

test("a piece of an attempt that was never announced is a hole", () => {
  const [unannounced] = deltas(RUN, ["b"], { epoch: 5 });
  if (!unannounced) throw new Error("unreachable");
  expect(answerOf(started(RUN), ...deltas(RUN, ["a"])).apply(unannounced)).toBe(false);
});

test("only the first end counts", () => {
  const answer = answerOf(started(RUN), { type: "cancelled", run: RUN }, done(RUN));
  answer.fail(new GatewayError("timeout", "late", { retryable: true }));
  expect(answer.end).toMatchObject({ error: { code: "cancelled", name: "AbortError" } });
});

test("a gateway that never stops sending is stopped at 8 Mi characters", () => {
  const million = "x".repeat(1_048_576);
  const answer = answerOf(started(RUN), ...deltas(RUN, Array(12).fill(million)));
  expect(answer.end).toMatchObject({ error: { code: "answer_too_large", retryable: false } });
  expect(textOf(answer).length).toBe(9 * million.length);
});

test("a refusal is text that says so, to who listens now and to who comes later", () => {
  const [said, refused] = deltas(RUN, ["Well. ", "No."]);
  if (!said || refused?.type !== "delta") throw new Error("unreachable");
  const answer = answerOf(started(RUN), said);
  const heard: unknown[] = [];
  answer.listen((event) => heard.push(event));
  for (const frame of [{ ...refused, refusal: true } as const, done(RUN)]) answer.apply(frame);
  expect(heard[0]).toEqual({ type: "delta", text: "No.", refusal: true });
  expect(answer.end).toMatchObject({ result: { text: "Well. No.", refused: true } });
  const past = answer.listen(() => undefined).past.filter(({ type }) => type === "delta");
  expect(past).toEqual([{ type: "delta", text: "Well. " }, heard[0]]);
});
