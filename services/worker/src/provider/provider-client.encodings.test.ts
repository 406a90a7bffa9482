/** Answers that a proxy has compressed, though none was asked for. */
import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import zlib from "node:zlib";
import { describe, expect, it, onTestFinished, test, vi } from "vitest";
import { client, collect, errorOf, label, provider } from "../testing/asking.ts";
import { frame, socketIsFree, WHOLE_ANSWER } from "../testing/fake-provider.ts";
import type { ProviderEvent } from "./contract/provider-event.ts";

type Compressor = zlib.Gzip | zlib.Deflate | zlib.DeflateRaw | zlib.BrotliCompress;

const PIECES = ["Zipped ", "静夜思 ", "🌙."];
const DONE = "data: [DONE]\n\n";
const BODY = [...PIECES.map((content) => frame({ content })), frame({}, "stop"), DONE];

const ENCODERS: Readonly<Record<string, () => Compressor>> = {
  gzip: () => zlib.createGzip(),
  "x-gzip": () => zlib.createGzip(),
  GZIP: () => zlib.createGzip(),
  deflate: () => zlib.createDeflate(),
  br: () => zlib.createBrotliCompress(),
  ...("createZstdCompress" in zlib && {
    zstd: () => (zlib as unknown as { createZstdCompress(): Compressor }).createZstdCompress(),
  }),
};

/** Compresses what is written to it, and gives each piece as it is flushed. */
function compressing(make: () => Compressor) {
  const stream = make();
  const out: Buffer[] = [];
  stream.on("data", (bytes: Buffer) => out.push(bytes));
  return {
    async flushed(text: string): Promise<Buffer> {
      stream.write(text);
      await new Promise<void>((resolve) => stream.flush(resolve));
      return Buffer.concat(out.splice(0));
    },
    async ended(text = ""): Promise<Buffer> {
      const end = new Promise((resolve) => stream.once("end", resolve));
      stream.end(text);
      await end;
      return Buffer.concat(out.splice(0));
    },
  };
}

function begin(response: ServerResponse, encoding: string): void {
  response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": encoding });
  response.flushHeaders();
}

/** Serves a body under an encoding. */
const serving = (encoding: string, body: Buffer | string) =>
  provider((_request, response) => {
    begin(response, encoding);
    response.end(body);
  });

/** Counts what comes out of all gzip decoders that are made from now on. */
function countingDecoded(): () => number {
  let bytes = 0;
  const create = zlib.createGunzip;
  const made = vi.spyOn(zlib, "createGunzip").mockImplementation((options) => {
    const gunzip = create(options);
    gunzip.on("data", ({ length }: Buffer) => {
      bytes += length;
    });
    return gunzip;
  });
  onTestFinished(() => made.mockRestore());
  return () => bytes;
}

const textOf = (events: readonly ProviderEvent[]) =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");

describe.each(Object.keys(ENCODERS))("an answer under %s", (encoding) => {
  const make = ENCODERS[encoding] as () => Compressor;

  it("is read piece by piece, each as it was flushed", async () => {
    let response: ServerResponse | undefined;
    const fake = await provider((_request, opened) => {
      response = opened;
      begin(opened, encoding);
    });
    const compressor = compressing(make);
    const asked = (await client(fake.url)).stream(
      { messages: [{ role: "user", content: "hi" }] },
      { signal: new AbortController().signal },
    );
    const events = asked[Symbol.asyncIterator]();
    await events.next();
    for (const text of PIECES) {
      // Each piece is there before the provider writes the next.
      response?.write(await compressor.flushed(frame({ content: text })));
      expect((await events.next()).value).toEqual({ type: "text", text });
    }
    response?.end(await compressor.ended(frame({}, "stop") + DONE));
    expect((await events.next()).value).toMatchObject({ type: "finished", finish: "stop" });
  });

  it("is read whole, and leaves its socket to the next", async () => {
    const fake = await serving(encoding, await compressing(make).ended(BODY.join("")));
    const asked = await client(fake.url);
    expect(textOf(await collect(asked))).toBe(PIECES.join(""));
    await socketIsFree();
    expect(label(await collect(asked))).toBe("warm");
  });

  it("is whole where it breaks off behind its end marker, and cut before", async () => {
    const compressor = compressing(make);
    const said = await compressor.flushed(BODY.slice(0, 2).join(""));
    const marked = await compressor.flushed(BODY.slice(2).join(""));
    for (const [body, text] of [
      [Buffer.concat([said, marked]), PIECES.join("")],
      [said, "provider_cut"],
    ] as const) {
      const fake = await provider((_request, response) => {
        begin(response, encoding);
        response.write(body);
        // By itself, then by the connection.
        if (text === "provider_cut") response.end();
        else setImmediate(() => response.socket?.destroy());
      });
      const asked = collect(await client(fake.url));
      if (text === "provider_cut") expect((await errorOf(asked)).code).toBe(text);
      else expect(textOf(await asked)).toBe(text);
    }
  });

  it("is whole where what follows its end marker is garbage, in the same packet, and malformed before", async () => {
    const compressor = compressing(make);
    const said = await compressor.flushed(BODY.slice(0, 2).join(""));
    const marked = await compressor.flushed(BODY.slice(2).join(""));
    const garbage = Buffer.alloc(3_000, "\u00ff\u0007\u001f");
    const whole = await serving(encoding, Buffer.concat([said, marked, garbage]));
    expect(textOf(await collect(await client(whole.url)))).toBe(PIECES.join(""));
    const broken = await serving(encoding, Buffer.concat([said, garbage]));
    const error = await errorOf(collect(await client(broken.url)));
    expect([error.code, error.detail]).toEqual(["provider_malformed", "broken compression"]);
  });
});

describe("an end marker that is read", () => {
  /** With another checksum, which is so many bytes before the end. */
  const spoilt = (zipped: Buffer, fromEnd = 5) => {
    const bytes = Buffer.from(zipped);
    bytes.set([(bytes.at(-fromEnd) ?? 0) ^ 0xff], bytes.length - fromEnd);
    return bytes;
  };
  const gzipped = zlib.gzipSync(BODY.join(""));
  const bomb = zlib.gzipSync(BODY.join("") + "\n".repeat(32 * 1024 * 1024));
  const bodies: Readonly<Record<string, readonly [string, Buffer]>> = {
    "a wrong checksum": ["gzip", spoilt(gzipped)],
    "a wrong checksum of zlib": ["deflate", spoilt(zlib.deflateSync(BODY.join("")), 1)],
    "a second member that is none": [
      "gzip",
      Buffer.concat([gzipped, Buffer.alloc(40, "\u001f\u008b\u0009", "latin1")]),
    ],
    "garbage in the outer of two encodings": ["br, gzip", spoilt(zlib.gzipSync(brotli()))],
    "garbage in the inner of two encodings": ["gzip, br", zlib.brotliCompressSync(spoilt(gzipped))],
    "more than a piece may become": ["gzip", bomb],
  };
  function brotli(): Buffer {
    return zlib.brotliCompressSync(BODY.join(""));
  }

  it.each(Object.entries(bodies))(
    "is the end, whatever follows: %s",
    async (_, [encoding, body]) => {
      const fake = await serving(encoding, body);
      const events = await collect(await client(fake.url));
      expect(textOf(events)).toBe(PIECES.join(""));
      expect(events.at(-1)).toMatchObject({ finish: "stop" });
    },
  );

  it("may be cut in two by what the network makes of it", async () => {
    const text = BODY.join("");
    const compressor = compressing(() => zlib.createGzip());
    const first = await compressor.flushed(text.slice(0, -6));
    const second = spoilt(await compressor.ended(text.slice(-6)));
    const fake = await provider(async (_request, response) => {
      begin(response, "gzip");
      response.write(first);
      setTimeout(() => response.end(second), 50);
    });
    expect(textOf(await collect(await client(fake.url)))).toBe(PIECES.join(""));
  });

  it("is looked for in no more than a megabyte of what came before", async () => {
    const noise = () => frame({ content: randomBytes(60_000).toString("hex") });
    const text = Array.from({ length: 30 }, noise).join("") + BODY.join("");
    const fake = await serving("gzip", spoilt(zlib.gzipSync(text)));
    expect((await errorOf(collect(await client(fake.url)))).detail).toBe("broken compression");
  });
});

const WHOLE = JSON.stringify({
  choices: [{ message: { content: PIECES.join("") }, finish_reason: "stop" }],
});

describe("an encoding", () => {
  const zipped = zlib.gzipSync(BODY.join(""));
  const cases: Readonly<Record<string, readonly [string, Buffer | string]>> = {
    "is deflate without its header": ["deflate", zlib.deflateRawSync(BODY.join(""))],
    "is gzip by another name": ["deflate", zipped],
    "is one of two": ["gzip, br", zlib.brotliCompressSync(zipped)],
    "is beside identity": ["identity, gzip", zipped],
    "was undone by a proxy that left the header": ["gzip", BODY.join("")],
    "is none": ["identity", BODY.join("")],
    "is none by another name": ["none", BODY.join("")],
    "is a character set": ["UTF-8", BODY.join("")],
    "is a character set behind another": ["utf-8, identity", `\ufeff${BODY.join("")}`],
    "is an encoding of another layer": ["chunked", `\n\n: hello\n\n${BODY.join("")}`],
    "was undone, deflate": ["deflate", BODY.join("")],
    "was undone, brotli": ["br", BODY.join("")],
    "was undone, brotli, behind a comment": ["br", `:\n\n${BODY.join("")}`],
    "was undone, one that nobody here knows": ["compress", BODY.join("")],
    "was undone, both of two": ["deflate, br", BODY.join("")],
    "was undone, of a whole answer": ["deflate", WHOLE],
    "was undone, of a whole answer in lines": ["br", JSON.stringify(JSON.parse(WHOLE), null, 2)],
    "has several members": ["gzip", Buffer.concat(BODY.map((text) => zlib.gzipSync(text)))],
    "is of a whole answer": ["gzip", zlib.gzipSync(WHOLE)],
  };
  it.each(Object.entries(cases))("%s", async (_, [encoding, body]) => {
    const fake = await serving(encoding, body);
    const events = await collect(await client(fake.url));
    expect(textOf(events)).toBe(PIECES.join(""));
    expect(events.at(-1)).toMatchObject({ finish: "stop" });
  });

  it.each(["br", "deflate", "none"])("was undone and comes byte by byte: %s", async (encoding) => {
    const fake = await provider(async (_request, response) => {
      begin(response, encoding);
      for (const byte of Buffer.from(BODY.join(""))) {
        await new Promise((resolve) => response.write(Buffer.of(byte), resolve));
      }
      response.end();
    });
    expect(textOf(await collect(await client(fake.url)))).toBe(PIECES.join(""));
  });

  it.each(["br", "deflate", "none"])("was undone, of hardly anything: %s", async (encoding) => {
    const fake = await serving(encoding, DONE.trim());
    expect((await errorOf(collect(await client(fake.url)))).code).toBe("provider_empty");
  });

  it.each([
    ["is not known", "compress", "an unknown content-encoding"],
    ["is not known to be one", "constructor", "an unknown content-encoding"],
    ["is one of too many", "gzip,gzip,gzip,gzip,gzip", "too many encodings"],
    ["is another than it says", "br", "broken compression"],
  ])("%s: the answer is malformed", async (_, encoding, detail) => {
    const fake = await serving(encoding, Buffer.from("\x1f\x8b secret \x00\xff\xff\xff"));
    const error = await errorOf(collect(await client(fake.url)));
    expect([error.code, error.detail]).toEqual(["provider_malformed", detail]);
    expect(error.message).not.toContain("secret");
  });
});

describe("the bytes that come out of compression are bounded, however few went in", () => {
  const MIB = 1024 * 1024;
  const zeros = zlib.gzipSync(Buffer.alloc(5 * MIB), { level: 9 });
  /** Keeps what decodes to so much apart, so that no piece of the outer encoding holds two. */
  const apart = zlib.gzipSync(Buffer.alloc(64 * 1024), { level: 0 });
  const bombs: Readonly<Record<string, readonly [string, Buffer]>> = {
    "of one encoding": ["gzip", zlib.gzipSync(Buffer.alloc(64 * MIB, ":\n"), { level: 9 })],
    "of one in another": [
      "gzip, gzip",
      zlib.gzipSync(Buffer.concat(Array(12).fill([zeros, apart]).flat()), { level: 9 }),
    ],
  };

  it.each(Object.entries(bombs))("%s", async (_, [encoding, bomb]) => {
    expect(bomb.length).toBeLessThan(512 * 1024);
    const fake = await serving(encoding, bomb);
    const decoded = countingDecoded();
    const error = await errorOf(collect(await client(fake.url)));
    expect([error.code, error.detail]).toEqual([
      "provider_malformed",
      "a compressed body without end",
    ]);
    expect(decoded()).toBeGreaterThan(8 * MIB);
    expect(decoded()).toBeLessThan(16 * MIB);
  });
});

test("a refusal is read through its compression", async () => {
  const message = "This model's maximum context length is 8192 tokens.";
  const body = zlib.gzipSync(JSON.stringify([{ error: { code: 400, message } }]));
  const fake = await provider((_request, response) => {
    response.writeHead(400, { "content-encoding": "gzip" }).end(body);
  });
  expect((await errorOf(collect(await client(fake.url)))).code).toBe("context_length_exceeded");
});

test.each(["none", "br", "deflate"])("a refusal is read that is not encoded: %s", async (name) => {
  const body = JSON.stringify({ detail: "context length exceeded" });
  const fake = await provider((_request, response) => {
    response.writeHead(400, { "content-encoding": name }).end(body);
  });
  expect((await errorOf(collect(await client(fake.url)))).code).toBe("context_length_exceeded");
});

test("a refusal in an encoding that is not known is told by its status", async () => {
  const fake = await provider((_request, response) => {
    response.writeHead(429, { "content-encoding": "compress" }).end("x");
  });
  expect((await errorOf(collect(await client(fake.url)))).code).toBe("provider_rate_limited");
});

test("an answer that is not encoded is read as it was", async () => {
  const fake = await provider((_request, response) => response.end(WHOLE_ANSWER.join("")));
  expect(textOf(await collect(await client(fake.url)))).toBe("Hi");
});
