import { describe, expect, it } from "vitest";
import { ProviderError } from "../contract/provider-error.ts";
import { MAX_EVENT_LENGTH, type SseEvent, SseParser } from "./sse-parser.ts";

const fail = (code: "provider_malformed", detail?: string) =>
  new ProviderError(code, { provider: "zhipu", detail });
const createParser = () => new SseParser(fail as ConstructorParameters<typeof SseParser>[0]);

/** Parses a stream given as pieces of bytes. */
function parse(pieces: readonly Uint8Array[]): SseEvent[] {
  const parser = createParser();
  return [...pieces.flatMap((piece) => [...parser.push(piece)]), ...parser.end()];
}

const message = (data: string): SseEvent => ({ event: "message", data });
const bytes = (text: string) => Buffer.from(text, "utf8");

describe("any cut of the bytes gives the same events", () => {
  const lines = [
    ": keep-alive 你好",
    'data: {"text":"静夜思 🌙"}',
    "",
    "event: error",
    "data:一行",
    "data: two 👩‍👩‍👧",
    "",
    "data",
    "",
    "id: 7",
    "retry: 10",
    "data: last é",
    "",
    "",
  ];
  const expected: SseEvent[] = [
    message('{"text":"静夜思 🌙"}'),
    { event: "error", data: "一行\ntwo 👩‍👩‍👧" },
    message(""),
    message("last é"),
  ];

  for (const [name, lineEnd] of [
    ["LF", "\n"],
    ["CRLF", "\r\n"],
    ["CR", "\r"],
  ] as const) {
    const whole = bytes(lines.join(lineEnd));

    it(`with ${name}, at every byte`, () => {
      for (let at = 0; at <= whole.length; at += 1) {
        expect(parse([whole.subarray(0, at), whole.subarray(at)])).toEqual(expected);
      }
    });

    it(`with ${name}, in pieces of every size`, () => {
      for (let size = 1; size <= whole.length; size += 1) {
        const pieces: Uint8Array[] = [];
        for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
        expect(parse(pieces)).toEqual(expected);
      }
    });
  }
});

describe("what real providers do", () => {
  it("ignores a byte order mark, even a split one", () => {
    const whole = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes("data: a\n\n")]);
    expect(parse([whole])).toEqual([message("a")]);
    expect(parse([whole.subarray(0, 2), whole.subarray(2)])).toEqual([message("a")]);
  });

  it("takes one space after the colon away, or none", () => {
    expect(parse([bytes("data:a\n\ndata: b\n\ndata:  c\n\n")])).toEqual(
      ["a", "b", " c"].map(message),
    );
  });

  it("takes a line of blanks and tabs for the end of an event", () => {
    expect(parse([bytes("data: a\n\t\ndata: b\n \t \ndata: c\n\n")])).toEqual(
      ["a", "b", "c"].map(message),
    );
  });

  it("gives the last event without its empty line, and without its line end", () => {
    expect(parse([bytes("data: a\n\ndata: b\n")])).toEqual(["a", "b"].map(message));
    expect(parse([bytes("data: a\n\ndata: b")])).toEqual(["a", "b"].map(message));
  });

  it("forgets the name of an event that had no data", () => {
    expect(parse([bytes("event: ping\n\ndata: a\n\n")])).toEqual([message("a")]);
  });

  it("reads a mixture of line ends", () => {
    expect(parse([bytes("data: a\r\n\ndata: b\r\rdata: c\n\r\n")])).toEqual(
      ["a", "b", "c"].map(message),
    );
  });

  it("gives nothing for comments alone", () => {
    expect(parse([bytes(": ping\n\n:\n\n")])).toEqual([]);
  });
});

const malformed = expect.objectContaining({ code: "provider_malformed" });

describe("a line that is no field may be what became of a piece of the answer", () => {
  it.each([
    "upstream connect error or disconnect/reset before headers",
    "\u0000\u0007\ufffd",
    "<html>",
    '{"error":{"message":"x"}}',
    '\ufeffdata: {"choices":[]}',
    ' data: {"choices":[]}',
    "\u0001ta: {",
  ])("%j is malformed in the middle of a stream", (line) => {
    const stream = `data: a\n\n${line}\n\ndata: b\n\n`;
    expect(() => parse([bytes(stream)])).toThrow(malformed);
  });

  it.each(["meta: x", "x-id: 3", "ping", "retry: soon"])("%j is ignored", (line) => {
    expect(parse([bytes(`data: a\n${line}\n\ndata: b\n\n`)])).toEqual(["a", "b"].map(message));
  });
});

describe("limits", () => {
  it("refuses a line over 1 MiB before its end arrives", () => {
    const parser = createParser();
    const piece = Buffer.alloc(64 * 1024, "x");
    const pushAll = () => {
      for (let n = 0; n <= MAX_EVENT_LENGTH / piece.length; n += 1) Array.from(parser.push(piece));
    };
    expect(pushAll).toThrow(malformed);
  });

  it("refuses an event over 1 MiB made of short lines", () => {
    const parser = createParser();
    const piece = bytes(`data: ${"x".repeat(1_000)}\n`.repeat(100));
    const pushAll = () => {
      for (let n = 0; n < 12; n += 1) Array.from(parser.push(piece));
    };
    expect(pushAll).toThrow(malformed);
  });

  it("reads many megabytes of small events in time that grows with their number only", () => {
    const parser = createParser();
    const piece = bytes(`data: ${"y".repeat(50)}\n\n`.repeat(1_000));
    let events = 0;
    for (let n = 0; n < 200; n += 1) events += Array.from(parser.push(piece)).length;
    expect(events).toBe(200_000);
  });

  it("reads a megabyte line that arrives byte by byte without scanning it again", () => {
    const parser = createParser();
    Array.from(parser.push(bytes("data: ")));
    const one = bytes("z");
    const startedAt = performance.now();
    for (let n = 0; n < 500_000; n += 1) Array.from(parser.push(one));
    expect(Array.from(parser.push(bytes("\n\n")))[0]?.data).toHaveLength(500_000);
    // Quadratic work would take minutes.
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });
});
