/**
 * Shapes in which real providers answer, through a whole cluster. In the end a user has the same over every protocol,
 * and it is what the provider said.
 */
import zlib from "node:zlib";
import { Cluster, eventually } from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { askChat, askV1, askV2, type Had } from "./asked-everywhere.ts";
import {
  chunk,
  DONE,
  event,
  type Shape,
  type ShapedProvider,
  startShapedProvider,
  whole,
} from "./shaped-provider.ts";
import { Visitors } from "./visitors.ts";

const USAGE = { usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 } };
const END = [chunk({}, "stop"), event({ choices: [], ...USAGE }), DONE];
const said = (...pieces: string[]) => pieces.map((content) => chunk({ content }));
const thought = (text: string) => [{ type: "thinking", thinking: [{ type: "text", text }] }];
const WORDS = Array.from({ length: 30 }, (_, at) => `w${at} `);
const HELLO = ["Hello, ", "how ", "are you?"];
const call = (given: unknown, rest: object = {}) => ({
  index: 0,
  id: "c1",
  type: "function",
  function: { name: "now", arguments: given },
  ...rest,
});
const calling = (...tool_calls: object[]) => chunk({ tool_calls });
const refuses =
  (status: number, body: unknown): Shape =>
  ({ response }) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };

type Encoder = zlib.Gzip | zlib.DeflateRaw | zlib.BrotliCompress;

/** Compresses piece by piece, each flushed. */
const encoded =
  (encoding: string, make: () => Encoder): Shape =>
  async ({ response }) => {
    response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": encoding });
    const encoder = make();
    encoder.pipe(response);
    for (const line of said(...HELLO)) {
      encoder.write(line);
      await new Promise<void>((resolve) => encoder.flush(resolve));
    }
    encoder.end(END.join(""));
  };

interface Row {
  readonly shape: Shape;
  readonly had: Partial<Had>;
  readonly kind?: string;
  readonly timeouts?: object;
  /** The question has tools, which only the chat completions API knows. */
  readonly tools?: true;
}

const tell =
  (...lines: readonly string[]): Shape =>
  ({ tell }) =>
    tell(lines);
const text = HELLO.join("");
const tooLong = "This model's maximum context length is 8192 tokens, however you requested 9000.";
const gone = { usage: null };

/** By the name of the provider that answers so. */
const ROWS: Readonly<Record<string, Row>> = {
  "reason-in-each-piece": {
    shape: ({ tell }) =>
      tell(
        [
          ...WORDS.map((content) => chunk({ content }, "stop")),
          event({ choices: [], ...USAGE }),
          DONE,
        ],
        60,
      ),
    had: { text: WORDS.join("") },
  },
  "reason-in-each-piece-and-pauses": {
    timeouts: { endMs: 100, stallMs: 6_000 },
    shape: async ({ say, tell }) => {
      const lines = HELLO.map((content) => chunk({ content }, "stop"));
      await say(lines.slice(0, 2));
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      await tell([...lines.slice(2), event({ choices: [], ...USAGE }), DONE]);
    },
    had: { text },
  },
  "reason-in-each-piece-left-open": {
    timeouts: { endMs: 100, stallMs: 6_000 },
    shape: ({ say }) => say(WORDS.map((content) => chunk({ content }, "stop"))),
    had: { text: WORDS.join(""), ...gone },
  },
  "text-behind-the-reason": {
    shape: tell(...said("Hello, "), chunk({}, "stop"), ...said("how "), DONE),
    had: { text: "Hello, how ", finish: "provider_cut" },
  },
  "done-without-a-reason": {
    shape: tell(...said(...HELLO), DONE),
    had: { text, finish: "provider_cut" },
  },
  "done-without-a-reason-nvidia": {
    kind: "nvidia",
    shape: tell(...said(...HELLO), DONE),
    had: { text, ...gone },
  },
  "half-an-event-left-open": {
    shape: ({ say }) =>
      say([...said("Hello, "), chunk({}, "stop"), 'data: {"choices":[{"delta":{"content":"how']),
    had: { text: "Hello, ", finish: "provider_cut" },
  },
  "whole-behind-deltas": {
    shape: tell(...said(...HELLO), event(whole({ content: text }, "stop", USAGE))),
    had: { text },
  },
  "whole-alone": { shape: tell(event(whole({ content: text }, "stop", USAGE))), had: { text } },
  "whole-that-goes-on": {
    shape: tell(...said("Hello, "), event(whole({ content: text }, "stop", USAGE))),
    had: { text },
  },
  "whole-that-differs": {
    shape: tell(...said("Hello, "), event(whole({ content: "Goodbye." }, "stop", USAGE))),
    had: { text: "Hello, ", finish: "provider_malformed" },
  },
  "content-in-parts": {
    shape: tell(
      chunk({ content: thought("First I ") }),
      chunk({ content: thought("consider.") }),
      chunk({ content: [{ type: "text", text: "The " }] }),
      chunk({ content: "answer " }),
      chunk({ content: [{ type: "text", text: "is 4." }] }),
      ...END,
    ),
    had: { text: "The answer is 4.", reasoning: "First I consider." },
  },
  "content-in-an-unknown-part": {
    shape: tell(...said("Hello, "), chunk({ content: [{ type: "hologram" }] }), ...END),
    had: { text: "Hello, ", finish: "provider_malformed" },
  },
  "thinking-in-two-fields": {
    shape: tell(
      chunk({ reasoning: "First I ", reasoning_content: "First I " }),
      chunk({ reasoning: "consider.", reasoning_content: "consider." }),
      ...said(...HELLO),
      ...END,
    ),
    had: { text, reasoning: "First I consider." },
  },
  "thinking-in-a-field-and-tags": {
    shape: tell(
      chunk({ reasoning_content: "First I ", content: "<think>First I " }),
      chunk({ reasoning_content: "consider.", content: "consider.</think>\n\n" }),
      ...said(...HELLO),
      ...END,
    ),
    had: { text, reasoning: "First I consider." },
  },
  "usage-in-the-choice": {
    shape: tell(
      ...said(...HELLO),
      event({ choices: [{ index: 0, delta: {}, finish_reason: "stop", ...USAGE }] }),
      DONE,
    ),
    had: { text },
  },
  "usage-that-grows": {
    shape: tell(
      ...HELLO.map((content, at) =>
        chunk({ content }, null, { usage: { prompt_tokens: 3, completion_tokens: at } }),
      ),
      chunk({}, "stop", USAGE),
      event({ choices: [], usage: null }),
      DONE,
    ),
    had: { text },
  },
  "usage-that-is-none": {
    shape: tell(...said("Hello, "), event({ choices: [], usage: "many" }), ...END),
    had: { text: "Hello, ", finish: "provider_malformed" },
  },
  "all-so-far-in-each-piece": {
    shape: tell(...said(...HELLO.map((_, at) => HELLO.slice(0, at + 1).join(""))), ...END),
    had: { text },
  },
  "all-so-far-beside-each-piece": {
    shape: tell(
      ...["<think>", "First.", "</think>\n\n", ...HELLO].map((content, at, all) =>
        event({
          object: "chat.completion.chunk",
          choices: [{ delta: { content }, message: { content: all.slice(0, at + 1).join("") } }],
        }),
      ),
      ...END,
    ),
    had: { text, reasoning: "First." },
  },
  "thinking-in-tags-then-in-a-field": {
    shape: tell(
      ...said("<think>First.</think>", ...HELLO),
      chunk({ content: "", reasoning_content: "First." }),
      ...END,
    ),
    had: { text, reasoning: "First." },
  },
  "thinking-in-tags-of-another-name": {
    shape: tell(...said("<thought>First.</thought>\n", ...HELLO), ...END),
    had: { text, reasoning: "First." },
  },
  "text-beside-an-empty-delta": {
    shape: tell(...HELLO.map((piece) => event({ choices: [{ delta: {}, text: piece }] })), ...END),
    had: { text },
  },
  "a-picture": {
    shape: tell(...said("Hello, "), chunk({ images: [{ type: "image_url" }] }), ...END),
    had: { text: "Hello, ", finish: "provider_malformed" },
  },
  "an-error-without-an-envelope": {
    kind: "nvidia",
    shape: tell(...said("Hello, "), event({ message: "Internal Server Error" }), DONE),
    had: { text: "Hello, ", finish: "provider_error" },
  },
  "an-error-in-the-delta": {
    shape: tell(...said("Hello, "), chunk({ error: { message: "died" } }), ...END),
    had: { text: "Hello, ", finish: "provider_error" },
  },
  "errors-with-an-id-alone": {
    shape: tell(event({ error: { message: "", request_id: "1" } }), ...said(...HELLO), ...END),
    had: { text },
  },
  "signs-of-life": {
    shape: tell(
      "data: ping\n\n",
      event(null),
      ...said(...HELLO),
      "event: ping\ndata: 1\n\n",
      ...END,
    ),
    had: { text },
  },
  "junk-behind-the-end": {
    shape: tell(...said(...HELLO), ...END.slice(0, 2), 'data: "[DONE]"\n\ndata: junk\n\n'),
    had: { text },
  },
  "usage-of-zeros-behind": {
    shape: tell(
      ...said(...HELLO),
      chunk({}, "stop", USAGE),
      event({ choices: [], usage: { prompt_tokens: 0, completion_tokens: 0 } }),
      DONE,
    ),
    had: { text },
  },
  "usage-of-each-piece": {
    shape: tell(
      ...HELLO.map((content, at) =>
        chunk({ content }, null, {
          usage: { prompt_tokens: 3, completion_tokens: at === 0 ? 3 : 1 },
        }),
      ),
      chunk({}, "stop"),
      DONE,
    ),
    had: { text },
  },
  "a-number-as-a-text": {
    shape: tell(
      ...HELLO.map((content, at) =>
        event({ choices: [{ index: at === 0 ? "0" : 0, delta: { content } }] }),
      ),
      ...END,
    ),
    had: { text },
  },
  "a-reason-that-nobody-knows": {
    shape: tell(...said("Hello, "), chunk({}, "moonstruck"), DONE),
    had: { text: "Hello, ", finish: "provider_cut" },
  },
  "a-limit-of-another-name": {
    shape: tell(...said("Hello, "), chunk({}, "max_new_tokens", USAGE), chunk({}, "stop"), DONE),
    had: { text: "Hello, ", finish: "length" },
  },
  "a-filter-of-another-name": {
    shape: tell(...said("Hello, "), chunk({}, "IMAGE_SAFETY", USAGE), DONE),
    had: { text: "Hello, ", finish: "content_filter" },
  },
  "a-limit-before-any-word": {
    shape: tell(chunk({ content: "" }), chunk({}, "length", USAGE), DONE),
    had: { finish: "length" },
  },
  refusal: {
    shape: tell(
      chunk({ role: "assistant", content: null, refusal: null }),
      chunk({ refusal: "I'm sorry, " }),
      chunk({ refusal: "I can't help with that." }),
      ...END,
    ),
    had: { refusal: "I'm sorry, I can't help with that." },
  },
  "refusal-in-a-whole-message": {
    shape: ({ response }) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(whole({ content: null, refusal: "No." }, "stop", USAGE)));
    },
    had: { refusal: "No." },
  },
  "errors-that-say-nothing": {
    shape: tell(
      ...HELLO.map((content) =>
        chunk({ content }, null, { error: { message: "", type: "", param: "", code: null } }),
      ),
      ...END,
    ),
    had: { text },
  },
  "errors-in-a-list": {
    shape: refuses(400, [{ error: { code: 400, message: tooLong, status: "INVALID_ARGUMENT" } }]),
    had: { finish: "context_length_exceeded", ...gone },
  },
  "errors-in-a-detail": {
    shape: refuses(400, { detail: [{ loc: ["body"], msg: tooLong, type: "value_error" }] }),
    had: { finish: "context_length_exceeded", ...gone },
  },
  "errors-as-a-text": {
    shape: refuses(400, JSON.stringify(tooLong)),
    had: { finish: "context_length_exceeded", ...gone },
  },
  "errors-compressed": {
    shape: ({ response }) => {
      response.writeHead(400, { "content-encoding": "gzip" });
      response.end(zlib.gzipSync(JSON.stringify({ error: { message: tooLong } })));
    },
    had: { finish: "context_length_exceeded", ...gone },
  },
  "errors-in-the-stream": {
    shape: tell(event([{ error: { code: 400, message: tooLong } }]), DONE),
    had: { finish: "context_length_exceeded", ...gone },
  },
  gzip: { shape: encoded("gzip", () => zlib.createGzip()), had: { text } },
  "deflate-without-header": {
    shape: encoded("deflate", () => zlib.createDeflateRaw()),
    had: { text },
  },
  brotli: { shape: encoded("br", () => zlib.createBrotliCompress()), had: { text } },
  "unknown-encoding": {
    shape: ({ response }) => {
      response.writeHead(200, { "content-encoding": "compress" }).end("?");
    },
    had: { finish: "provider_malformed", ...gone },
  },
  "call-without-arguments": {
    tools: true,
    shape: tell(calling(call("")), chunk({}, "tool_calls", USAGE), DONE),
    had: { calls: [["now", "{}"]], finish: "tool_calls" },
  },
  "call-told-twice": {
    tools: true,
    shape: tell(
      calling(call('{"a":')),
      calling({ index: 0, function: { arguments: "1}" } }),
      calling(call('{"a":1}')),
      event(whole({ content: null, tool_calls: [call('{"a":1}')] }, "tool_calls", USAGE)),
    ),
    had: { calls: [["now", '{"a":1}']], finish: "tool_calls" },
  },
  "call-of-old": {
    tools: true,
    shape: tell(
      chunk({ function_call: { name: "now", arguments: "" } }),
      chunk({ function_call: { arguments: '{"a":1}' } }),
      chunk({}, "function_call", USAGE),
      DONE,
    ),
    had: { calls: [["now", '{"a":1}']], finish: "tool_calls" },
  },
  "calls-of-one-index-without-ids": {
    tools: true,
    shape: tell(
      calling(call("{}", { id: "" })),
      calling(call("{}", { id: "", function: { name: "later", arguments: "{}" } })),
      chunk({}, "tool_calls", USAGE),
      DONE,
    ),
    had: {
      calls: [
        ["now", "{}"],
        ["later", "{}"],
      ],
      finish: "tool_calls",
    },
  },
  "call-copied-to-the-older-field": {
    tools: true,
    shape: tell(
      calling(call('{"a":1}')),
      chunk({ function_call: { name: "now", arguments: '{"a":1}' } }),
      chunk({}, "tool_calls", USAGE),
      DONE,
    ),
    had: { calls: [["now", '{"a":1}']], finish: "tool_calls" },
  },
  "call-with-arguments-so-far": {
    tools: true,
    shape: tell(
      ...['{"a"', '{"a":1', '{"a":1}'].map((given) => calling(call(given))),
      chunk({}, "tool_calls", USAGE),
      DONE,
    ),
    had: { calls: [["now", '{"a":1}']], finish: "tool_calls" },
  },
  "call-with-args": {
    tools: true,
    shape: tell(
      calling({ index: 0, id: "c1", name: "now", args: { a: 1 } }),
      chunk({}, "tool_calls", USAGE),
      DONE,
    ),
    had: { calls: [["now", '{"a":1}']], finish: "tool_calls" },
  },
  "call-that-is-none": {
    tools: true,
    shape: tell(...said("Hello, "), chunk({ tool_calls: "now()" }), ...END),
    had: { text: "Hello, ", finish: "provider_malformed" },
  },
};

const TOOLS = { tools: [{ type: "function", function: { name: "now" } }] };
const COUNTED = { input: 3, output: 5 };

let provider: ShapedProvider;
let cluster: Cluster;
const visitors = new Visitors(() => cluster.url());

beforeAll(async () => {
  const shapes = Object.entries(ROWS).map(([name, { shape }]) => [name, shape] as const);
  provider = await startShapedProvider(Object.fromEntries(shapes));
  const providers = Object.entries(ROWS).map(([name, { kind = "openai", timeouts }]) => [
    name,
    { kind, baseUrl: provider.url(name), model: "m", pool: { warm: 0 }, timeouts },
  ]);
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    edges: 1,
    workers: 1,
    gateway: { providers: Object.fromEntries(providers) },
    // Each door is to meet its provider as if it had never failed.
    env: { WORKER_CIRCUIT_FAILURES: "1000" },
  });
});

afterEach(() => visitors.leave());

afterAll(async () => {
  await cluster?.stop();
  await provider?.stop();
});

/** The result that a client must have in the end. */
function wantedOf({ had }: Row): Required<Had> {
  const { finish = "stop" } = had;
  const usage = had.usage === undefined && !isFailed({ finish }) ? COUNTED : null;
  return { text: "", reasoning: "", refusal: "", calls: [], ...had, finish, usage };
}

const isFailed = ({ finish }: Pick<Had, "finish">) =>
  !["stop", "tool_calls", "length", "content_filter"].includes(finish);

describe.each(Object.entries(ROWS))("%s", (name, row) => {
  const wanted = wantedOf(row);
  const more = row.tools ? TOOLS : {};

  test("over the chat completions API, streamed", async () => {
    const had = await askChat(cluster.host, name, { stream: true, ...more });
    expect(had).toMatchObject(
      had.text === "" && isFailed(wanted) ? { finish: wanted.finish } : wanted,
    );
  });

  test("over the chat completions API, whole", async () => {
    const had = await askChat(cluster.host, name, { stream: false, ...more });
    // What came before a failure is not shown here.
    expect(had).toMatchObject(isFailed(wanted) ? { text: "", finish: wanted.finish } : wanted);
  });

  // Neither protocol takes tools.
  if (row.tools) return;

  test("over v1, and the provider is asked once by each", async () => {
    const before = provider.asked(name);
    const had = await askV1(await visitors.v1(), name);
    const text = wanted.text + wanted.refusal;
    const ended = text === "" ? "provider_empty" : "done";
    const finish = isFailed(wanted) ? wanted.finish : ended;
    expect([had, provider.asked(name) - before]).toEqual([{ text, finish }, 1]);
  });

  test("over v2", async () => {
    const client = await visitors.v2();
    const { calls: _, ...shown } = wanted;
    expect(await askV2(client, name)).toEqual(shown);
    expect(client.faults).toEqual([]);
  });
});

test("what was not understood is in the log with its field and type, without its content", async () => {
  const detailOf = (name: string) =>
    cluster
      .logs("worker", "attempt finished")
      .find((line) => line.provider === name && line.detail !== undefined)?.detail;
  await askChat(cluster.host, "usage-that-is-none", { stream: false });
  await askChat(cluster.host, "content-in-an-unknown-part", { stream: false });
  expect(await eventually("its line", () => detailOf("usage-that-is-none"))).toBe(
    "usage is of type string",
  );
  expect(await eventually("its line", () => detailOf("content-in-an-unknown-part"))).toBe(
    "content[] is a part of no known type",
  );
});

test("a refusal of the model is no failure of the provider", async () => {
  const scraped = await cluster.scrape("worker");
  const failures = (name: string) =>
    scraped.sum("openclaw_provider_errors_total", { provider: name });
  expect([failures("refusal"), failures("whole-that-differs")]).toEqual([0, 4]);
});
