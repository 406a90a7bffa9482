import { randomBytes } from "node:crypto";
import zlib from "node:zlib";
import { expect, test } from "vitest";
import { isPlainText } from "./encoding-layer.ts";

test.each([
  "data: 静夜思",
  "\ufeffdata: hello",
  "\n\n: hello there",
  ":\n\ndata: x",
  "id: 1\ndata: x",
  '{"msg":"限流"}',
  '{\n       "error": 1}',
  '[{"error":{}}]',
  '"a JSON text"',
  "<html><body>",
])("is text: %s", (text) => {
  const bytes = Buffer.from(text);
  expect(isPlainText(bytes)).toBe(true);
  // And nothing else at any earlier byte.
  for (let end = 1; end < bytes.length; end += 1) {
    expect(isPlainText(bytes.subarray(0, end))).not.toBe(false);
  }
});

test("what is compressed is not text, by any encoding and of any length", () => {
  for (let round = 0; round < 2_000; round += 1) {
    const text = `data: {"id":"${randomBytes(8).toString("hex")}","choices":[]}\n\n`.repeat(
      1 + (round % 9),
    );
    const flush = round % 2 ? { finishFlush: zlib.constants.Z_SYNC_FLUSH } : {};
    for (const bytes of [
      zlib.gzipSync(text, flush),
      zlib.deflateSync(text, flush),
      zlib.deflateRawSync(text, flush),
      zlib.brotliCompressSync(text),
    ]) {
      expect(isPlainText(bytes)).toBe(false);
    }
  }
});
