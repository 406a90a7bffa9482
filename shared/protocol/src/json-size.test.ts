import { describe, expect, test } from "vitest";
import { jsonSizeProblem } from "./json-size.ts";
import { parseV2Up } from "./v2.ts";

const fields = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`field_${index}`, 1]));
const tool = (parameters: unknown) => ({
  type: "function",
  function: { name: "f", parameters },
});

describe("a request has room", () => {
  test.each([
    ["nothing", null],
    ["a list", [1, 2]],
    ["a thousand fields", fields(1_000)],
    ["a thousand options", { options: fields(1_000) }],
    ["a long schema of a tool", { tools: [tool(fields(20_000))] }],
    ["a long conversation", { messages: Array(2_000).fill({ role: "user", content: ["x", "y"] }) }],
  ])("for %s", (_, json) => expect(jsonSizeProblem(json)).toBeUndefined());
});

describe("a request is refused that has", () => {
  test.each([
    ["1,001 fields", fields(1_001), null],
    ["1,001 options", { options: fields(1_001) }, "options"],
    ["60,000 fields in a tool's schema", { tools: [tool(fields(60_000))] }, "tools"],
    ["60,000 items in a list", { metadata: Array(60_000).fill(0) }, "metadata"],
    ["60,000 values in two lists", { a: Array(30_000).fill(0), b: Array(30_000).fill(0) }, "b"],
    ["60,000 fields in many objects", { a: Array(600).fill(fields(100)) }, "a"],
  ])("%s", (_, json, param) => expect(jsonSizeProblem(json)).toMatchObject({ param }));
});

test("a frame with too many options is refused for their number, before any is looked at", () => {
  const run = { type: "run", ref: "7", message: "x", options: fields(90_000) };
  const frame = JSON.stringify(run);
  expect(parseV2Up(frame, { maxMessageBytes: 524_288, maxRuns: 32 })).toMatchObject({
    ok: false,
    ref: "7",
    failure: { code: "invalid_request", message: "`options` must have at most 1000 fields." },
  });
});
