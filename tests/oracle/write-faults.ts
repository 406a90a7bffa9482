/** What is wrong with an answer, put between its chunks. */
import type { Plan } from "./plan.ts";

type Json = Readonly<Record<string, unknown>>;

/** What comes behind the pieces: behind a reason, or in a whole message. */
export const WHAT_IS_MORE = "!more";

/** The chunks with what is wrong with them. */
export function planted(plan: Plan, chunks: readonly Json[]): readonly unknown[] {
  const wrong = wrongOf(plan);
  if (wrong === undefined) return chunks;
  if (plan.fault === "goes on") return [...chunks, wrong];
  const at = Math.min(plan.faultAt, chunks.length);
  return [...chunks.slice(0, at), wrong, ...chunks.slice(at)];
}

function wrongOf(plan: Plan): Json | undefined {
  const of = (choice: Json, top: Json = {}) => ({
    id: "1",
    model: "m",
    choices: [{ index: 0, delta: {}, ...choice }],
    ...top,
  });
  switch (plan.fault) {
    case "error":
      return {
        error: {
          message: "Rate limit reached",
          type: "rate_limit_error",
          code: "rate_limit_exceeded",
        },
      };
    case "number":
      return of({ delta: { content: 7 } });
    case "unknown part":
      return of({ delta: { content: [{ type: "hologram", hologram: "x" }] } });
    case "two answers":
      return { id: "1", choices: [0, 1].map((index) => ({ index, delta: { content: "x" } })) };
    case "bad reason":
      return of({ finish_reason: { why: "x" } });
    case "bad usage":
      return of({}, { usage: ["x"] });
    case "goes on":
      return of({ delta: { content: WHAT_IS_MORE } });
    case "two arguments":
      return of({
        delta: {
          tool_calls: ['{"x":1}', '{"x":2}'].map((given) => ({
            index: 9,
            id: "y",
            function: { name: "x", arguments: given },
          })),
        },
      });
    case "no name":
      return of({ delta: { tool_calls: [{ index: 9, id: "x", function: { arguments: "{}" } }] } });
    case "bad call":
      return of({ delta: { tool_calls: [{ index: 9, type: "web_search", id: "x" }] } });
    default:
      return undefined;
  }
}
