import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { parseV2Up, v2DownSchema, v2UpSchema } from "./v2.ts";

const LIMITS = { maxMessageBytes: 16, maxRuns: 4 };
const parse = (frame: unknown) => parseV2Up(JSON.stringify(frame), LIMITS);

/**
 * The hash of the wire as it is. If this test fails, you changed the protocol. Existing clients must still be understood
 * and still understand. Describe the change in PROTOCOL.md, and put the new hash here.
 */
const WIRE = "84ac99df1dfbc687";

test("the wire of v2 is the one that was agreed on", () => {
  const wire = JSON.stringify([z.toJSONSchema(v2UpSchema), z.toJSONSchema(v2DownSchema)]);
  expect(createHash("sha256").update(wire).digest("hex").slice(0, 16)).toBe(WIRE);
});

test("PROTOCOL.md describes every frame", () => {
  const page = readFileSync(new URL("../../../PROTOCOL.md", import.meta.url), "utf8");
  const frames = [...v2UpSchema.options, ...v2DownSchema.options].flatMap((option) => [
    ...option.shape.type.values,
  ]);
  expect(frames.length).toBeGreaterThan(15);
  for (const frame of frames) expect(page, frame).toContain(`\`${frame}`);
});

describe("what a v2 client may say", () => {
  test.each([
    [{ type: "run", ref: "1", message: "hi" }],
    [{ type: "run", ref: "1", messages: [{ role: "user", content: "hi" }], provider: "zhipu" }],
    [{ type: "run", ref: "1", message: "hi", options: {}, session: "user:7" }],
    [
      {
        type: "run",
        ref: "1",
        message: "hi",
        options: { temperature: 0, topP: 1, maxTokens: 1, stop: ["\n", "END"] },
      },
    ],
    [{ type: "run", ref: "1", message: "hi", provider: null, options: null }],
    [
      {
        type: "run",
        ref: "1",
        message: "hi",
        options: { seed: 1, top_k: 40, thinking: { a: [1] } },
      },
    ],
    [{ type: "cancel", run: "r" }],
    [{ type: "resume", run: "r", after: { epoch: 1, seq: 4 } }],
    [{ type: "ping" }],
  ])("%j", (frame) => expect(parse(frame)).toEqual({ ok: true, up: frame }));
});

test("a byte order mark is no part of a frame, nor of a session", () => {
  const frame = '{"type":"run","ref":"1","message":"hi","session":"\uFEFF张三"}';
  const up = { type: "run", ref: "1", message: "hi", session: "张三" };
  expect(parseV2Up(`\uFEFF${frame}`, LIMITS)).toEqual({ ok: true, up });
});

const run = (more: object) => ({ type: "run", ref: "7", message: "hi", ...more });

describe("what is refused, with the ref of its request", () => {
  test.each([
    [{ type: "run", ref: "7" }, "invalid_request", /either `message` or `messages`/],
    [{ type: "run", ref: "7", message: " " }, "invalid_request", /`message` must not be empty/],
    [{ type: "run", ref: "7", message: "hi", messages: [] }, "invalid_request", /messages/],
    [{ type: "run", ref: "7", message: "x".repeat(17) }, "message_too_long", /17 .*16/],
    [run({ session: "a\nb" }), "invalid_request", /`session` must be 1 to 256 bytes/],
    [run({ session: "" }), "invalid_request", /session/],
    [{ type: "run", message: "hi" }, "invalid_request", /^`ref` is missing\.$/, undefined],
    [run({ messages: [{ role: "user", content: "x" }] }), "invalid_request", /not both/],
    [run({ options: { top_p: 1 } }), "invalid_request", /`options.top_p` is called `topP` here/],
    [run({ options: { tools: [{}] } }), "invalid_request", /`options.tools` .* over HTTP/],
    [run({ options: { seed: "1" } }), "invalid_request", /`options.seed` must be a number/],
    [run({ options: { n: 2 } }), "invalid_request", /`options.n` is not supported/],
    [run({ options: { temperature: "1" } }), "invalid_request", /must be a number, not string/],
    [
      run({ options: { temperature: 2.1 } }),
      "invalid_request",
      /`options.temperature` must be at most 2/,
    ],
    [run({ options: { topP: 0 } }), "invalid_request", /`options.topP` must be more than 0/],
    [run({ options: { maxTokens: 1.5 } }), "invalid_request", /`options.maxTokens`/],
    [run({ options: { stop: "x" } }), "invalid_request", /`options.stop`/],
    [run({ options: { stop: [""] } }), "invalid_request", /`options.stop.0`/],
    [run({ options: { stop: ["a", "b", "c", "d", "e"] } }), "invalid_request", /`options.stop`/],
    [{ type: "walk", ref: "7" }, "invalid_request", /`type` must be `run`, /],
  ])("%j", (frame, code, message, ref: string | undefined = "ref" in frame ? "7" : undefined) => {
    expect(parse(frame)).toMatchObject({
      ok: false,
      ref,
      failure: { code, message: expect.stringMatching(message) },
    });
  });

  test("a ref may be any text of its length, and comes back as it was", () => {
    const frame = { type: "run", ref: "我的 问题", message: " " };
    expect(parse(frame)).toMatchObject({ ok: false, ref: frame.ref });
    expect(parse({ ...frame, ref: "x".repeat(129) })).toMatchObject({ ok: false, ref: undefined });
  });

  test("what is not JSON has none", () => {
    expect(parseV2Up("{", LIMITS)).toMatchObject({ ok: false, failure: { code: "invalid_json" } });
  });
});

test("a refusal lists ten problems, counts the others, and is no longer than a few sentences", () => {
  const messages = Array.from({ length: 1_000 }, () => ({ role: "none", content: 1 }));
  const refused = parse({ type: "run", ref: "7", messages });
  expect(refused).toMatchObject({ ok: false, ref: "7" });
  const { message } = (refused as { failure: { message: string } }).failure;
  expect(message).toMatch(/^`messages\.0\.role` must be .*; and 1990 more\.$/);
  expect(message.length).toBeLessThan(1_500);
});

test("what a client calls its fields makes no refusal long", () => {
  const options = Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => [`${i}${"x".repeat(9_000)}`, 1]),
  );
  const refused = parse({ type: "run", ref: "7", message: "hi", options });
  const { message } = (refused as { failure: { message: string } }).failure;
  expect(message.length).toBeLessThan(2_000);
});
