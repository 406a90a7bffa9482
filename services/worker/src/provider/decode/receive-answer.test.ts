/** What waiting for the end of an answer leaves behind, where a piece is decoded meanwhile. */
import { setImmediate as nextTurn } from "node:timers/promises";
import zlib from "node:zlib";
import type { ErrorCode } from "@openclaw/protocol";
import { expect, test, vi } from "vitest";
import { frame } from "../../testing/fake-provider.ts";
import { ProviderError } from "../contract/provider-error.ts";
import { dialectOf } from "../dialects/dialect-of.ts";
import { DecodedBody } from "../transport/content-encoding.ts";
import { AnswerReader } from "./answer-reader.ts";
import { receiveAnswer } from "./receive-answer.ts";

const fail = (code: ErrorCode, detail?: string) =>
  new ProviderError(code, { provider: "test", detail });

const finished = (content: string) => frame({ content }, "stop");

/** A piece with a reason, then a piece that decodes into hundreds of pieces, for longer than the grace. */
async function* compressed() {
  yield zlib.gzipSync(finished("x"), { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  yield zlib.deflateRawSync(finished("x".repeat(1_000)).repeat(6_000));
}

test("nobody looks for more once the wait is over, though what was decoded is never taken", async () => {
  const body = new DecodedBody(compressed(), ["gzip"], fail);
  const looks = vi.spyOn(body, "isDecoding", "get");
  const answer = receiveAnswer(new AnswerReader({ dialect: dialectOf("openai"), fail }), {
    body,
    endMs: 0,
    unsureMs: 0,
    goneOnMs: 0,
    close: () => undefined,
    onReceived: () => undefined,
    broken: (error) => error,
  });
  expect((await answer.next()).value).toEqual({ type: "text", text: "x" });
  // The grace is over while the second piece is decoded, of which only the beginning is taken.
  expect((await answer.next()).value).toMatchObject({ type: "text" });
  await answer.return();
  const looked = looks.mock.calls.length;
  expect(looked).toBeGreaterThan(0);
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
  expect(looks.mock.calls.length).toBe(looked);

  expect(body.isDecoding).toBe(true);
  body.close();
  expect(body.isDecoding).toBe(false);
});
