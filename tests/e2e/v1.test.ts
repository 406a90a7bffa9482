/** Protocol v1 through a whole cluster: edge processes, Redis, BullMQ, worker processes, HTTP. */

import { answerFor, directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V1Client } from "@openclaw/testing";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { hashOf, SESSION_KEY } from "./session-names.ts";
import { SHIPPED_NAMES, simulatedGateway, startSimulator } from "./simulated-gateway.ts";

interface Latency {
  readonly count: number;
  readonly targetMs: number;
}

interface Stats {
  readonly simulated: boolean;
  readonly nodes: { readonly edges: unknown[]; readonly workers: unknown[] };
  readonly connections: number;
  readonly runs: { readonly finished: number };
  readonly providers: {
    readonly zhipu: { readonly warm: { readonly firstTextMs: Latency | null } };
  };
}

type Phases<Name extends string> = { readonly [name in Name]: number };

interface RunFinished
  extends Phases<"queuedMs" | "startedMs" | "firstFrameMs" | "lastFrameMs" | "totalMs"> {
  readonly attempt: Phases<"requestSentMs" | "headersMs" | "firstTokenMs" | "finishedMs"> & {
    readonly connection: string;
  };
}

let simulator: Simulator;
let cluster: Cluster;
const clients: V1Client[] = [];

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  const gateway = simulatedGateway(simulator.url);
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    env: SESSION_KEY,
    gateway: {
      ...gateway,
      providers: {
        ...gateway.providers,
        plain: {
          kind: "openai",
          region: "domestic",
          baseUrl: `${simulator.url}/openai/v1`,
          model: "test-model",
          maxConcurrency: 1_000,
          timeouts: { firstTokenMs: 1_500, stallMs: 1_000 },
        },
        "bad-key": { ...gateway.providers.zhipu, apiKey: "bad-key" },
        "no-model": { ...gateway.providers.nvidia1, model: "missing-model" },
        nobody: { kind: "openai", baseUrl: "http://127.0.0.1:9/v1", model: "m" },
      },
    },
  });
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

async function connect(session?: string): Promise<V1Client> {
  const client = await V1Client.connect(cluster.url(session));
  clients.push(client);
  return client;
}

describe("answers", () => {
  test.each(SHIPPED_NAMES)(
    "%s: bare text frames, byte for byte, then one done",
    async (provider) => {
      const client = await connect("my-session");
      for (const prompt of ["Tell me about rivers.", "请介绍一下长江。"]) {
        const reply = await client.ask(prompt, provider);
        expect(reply.terminal).toEqual({ type: "done" });
        expect(reply.text).toBe(answerFor({ prompt, profile: provider }));
        expect(reply.frames.length).toBeGreaterThan(1);
      }
    },
  );

  test("the default provider answers where none is named, also for null", async () => {
    const client = await connect();
    const expected = answerFor({ prompt: "Hello", profile: "nvidia2" });
    expect((await client.ask("Hello")).text).toBe(expected);
    client.send(JSON.stringify({ message: "Hello", provider: null }));
    expect((await client.reply()).text).toBe(expected);
  });

  test("pieces that look like JSON reach a JSON-parsing client as text", async () => {
    const client = await connect();
    const pieces = ["1", "2", "true", '"x"', '{"type":"done"}', " and words ", "null", "[1]", "42"];
    for (const provider of SHIPPED_NAMES) {
      const reply = await client.ask(directive({ pieces, gapMs: 5 }), provider);
      expect(reply.text).toBe(pieces.join(""));
      expect(reply.terminal).toEqual({ type: "done" });
    }
  });

  test("text split at every byte of the provider's stream arrives unharmed", async () => {
    const client = await connect();
    const text = "naïve 你好，世界 🙂🙃 — “quoted” \\ \u0000 end";
    const reply = await client.ask(directive({ text, chunkBytes: 1 }), "zhipu");
    expect(reply.text).toBe(text);
  });

  test("reasoning is not shown as text", async () => {
    const client = await connect();
    const reply = await client.ask(directive({ reasoning: ["hm", "hmm"], text: "yes" }), "nvidia1");
    expect(reply.text).toBe("yes");
  });

  test("messages sent while one streams are answered in turn, whole", async () => {
    const client = await connect();
    const texts = ["first answer", "second answer", "third answer"];
    for (const text of texts) client.say(directive({ text, gapMs: 2 }), "plain");
    for (const text of texts) {
      const reply = await client.reply();
      expect([reply.text, reply.terminal.type]).toEqual([text, "done"]);
    }
    expect(client.unclaimedSignals).toBe(0);
  });

  test("text reaches the client while the provider still speaks", async () => {
    const client = await connect();
    client.say(directive({ pieces: ["early ", "late"], gapMs: 2_000 }), "zhipu");
    await eventually("the early text", () => client.textSoFar.startsWith("earl"));
    expect(client.textSoFar).not.toContain("late");
    const { text, terminal } = await client.reply();
    expect([text, terminal]).toEqual(["early late", { type: "done" }]);
  });
});

describe("signals", () => {
  test("ping is answered at once, also while an answer streams", async () => {
    const client = await connect();
    client.say(directive({ pieces: ["a", "b"], gapMs: 1_000 }), "zhipu");
    client.send('{"type":"ping"}');
    expect((await client.reply(900)).terminal).toEqual({ type: "pong" });
    expect((await client.reply()).terminal).toEqual({ type: "done" });
  });

  test("cancel ends the answer with an error at once and closes the provider's stream", async () => {
    const client = await connect();
    const before = simulator.stats().total.aborted;
    client.say(directive({ words: 500, gapMs: 20 }), "plain");
    await eventually("some text", () => client.textSoFar.length > 20);
    client.send('{"type":"cancel"}');
    const reply = await client.reply(500);
    expect(reply.terminal).toMatchObject({ type: "error", code: "cancelled", retryable: true });
    await eventually("the upstream to close", () => simulator.stats().total.aborted > before, {
      withinMs: 500,
    });
    expect((await client.ask(directive({ text: "next" }), "plain")).text).toBe("next");
  });

  test("a client that goes away takes its run with it", async () => {
    const client = await connect();
    const before = simulator.stats().total.aborted;
    client.say(directive({ words: 500, gapMs: 20 }), "plain");
    await eventually("some text", () => client.textSoFar.length > 20);
    client.terminate();
    await eventually("the upstream to close", () => simulator.stats().total.aborted > before);
  });
});

describe("bad input is answered with an error frame, and the connection lives on", () => {
  test.each([
    ["not JSON", "hello", "invalid_json", /not JSON/],
    ["not an object", "[1]", "invalid_request", /JSON object/],
    ["a bare string", '"hi"', "invalid_request", /JSON object/],
    ["no message", '{"provider":"zhipu"}', "invalid_request", /`message` is missing/],
    ["a message that is no string", '{"message":5}', "invalid_request", /must be a string/],
    ["an empty message", '{"message":"  "}', "invalid_request", /must not be empty/],
    [
      "a long message",
      JSON.stringify({ message: "x".repeat(32_769) }),
      "message_too_long",
      /32768/,
    ],
    [
      "an unknown provider",
      '{"message":"a","provider":"x"}',
      "unknown_provider",
      /nvidia1, nvidia2/,
    ],
    ["a binary frame", Buffer.from('{"message":"a"}'), "binary_frame", /Binary/],
  ])("%s", async (_, frame, code, message) => {
    const client = await connect();
    client.send(frame);
    const { terminal } = await client.reply();
    expect(terminal).toMatchObject({ type: "error", code, retryable: false });
    expect(terminal.message).toMatch(message);
    expect((await client.ask(directive({ text: "alive" }), "plain")).text).toBe("alive");
  });

  test("a message of exactly the limit is accepted", async () => {
    const client = await connect();
    const reply = await client.ask("y".repeat(32_768), "plain");
    expect(reply.terminal).toEqual({ type: "done" });
  });

  test("a bad frame in mid-answer is refused in its turn, so that no answer is cut in two", async () => {
    const client = await connect();
    client.say(directive({ pieces: ["first ", "half ", "second ", "half"], gapMs: 50 }), "plain");
    await eventually("the first text", () => client.textSoFar !== "");
    client.say("hello", "nosuch");
    client.send("not JSON");
    client.say(directive({ text: "next" }), "plain");
    const replies = [
      await client.reply(),
      await client.reply(),
      await client.reply(),
      await client.reply(),
    ];
    expect(replies.map(({ text, terminal }) => [text, terminal.code ?? terminal.type])).toEqual([
      ["first half second half", "done"],
      ["", "unknown_provider"],
      ["", "invalid_json"],
      ["next", "done"],
    ]);
  });

  test("too many waiting messages are refused in their turn, the others answered", async () => {
    const client = await connect();
    for (let sent = 0; sent < 20; sent += 1) {
      client.say(directive({ text: `t${sent}`, firstTokenMs: 50 }), "plain");
    }
    const outcomes: string[] = [];
    for (let got = 0; got < 20; got += 1) {
      const { text, terminal } = await client.reply();
      outcomes.push(text === `t${got}` ? terminal.type : (terminal.code ?? ""));
    }
    expect(outcomes).toEqual([
      ...Array.from({ length: 17 }, () => "done"),
      ...Array.from({ length: 3 }, () => "too_many_waiting"),
    ]);
  });

  test("a client that floods refused frames without reading its answers is sent away", async () => {
    const client = await connect();
    client.say(directive({ words: 500, gapMs: 100 }), "plain");
    for (let sent = 0; sent < 1_100; sent += 1) client.send("x");
    await eventually("the close", () => client.closed);
    expect(client.closed?.code).toBe(1008);
  });
});

describe("refused with a reason", () => {
  test("a frame over the hard limit: an error frame, then close 1009", async () => {
    const client = await connect();
    client.send("z".repeat(600_000));
    expect((await client.reply()).terminal).toMatchObject({ code: "frame_too_long" });
    await eventually("the close", () => client.closed);
    expect(client.closed?.code).toBe(1009);
  });

  test.each(["a%0Ab", "x".repeat(257), "%E4%BD", "%"])(
    "session id %s: HTTP 400 that says what is allowed",
    async (session) => {
      await expect(V1Client.connect(cluster.url(session))).rejects.toThrow(
        /400: .*1 to 256 bytes.*invalid_session/,
      );
    },
  );
});

describe("a provider's refusal becomes one error frame", () => {
  test.each([
    ["HTTP 401", "bad-key", {}, "provider_auth", false],
    ["HTTP 404", "no-model", {}, "model_not_found", false],
    ["HTTP 429", "nvidia1", { status: 429 }, "provider_rate_limited", true],
    ["HTTP 503", "nvidia1", { status: 503 }, "provider_overloaded", true],
    ["HTTP 500", "hunyuan", { status: 500 }, "provider_error", true],
    ["connection refused", "nobody", {}, "provider_unreachable", true],
    ["an error inside a 200", "nvidia1", { errorAfter: 0 }, "provider_overloaded", true],
    ["a cut answer", "plain", { words: 30, cutAfter: 10 }, "provider_cut", true],
    ["an answer without an end", "plain", { words: 30, endAfter: 10 }, "provider_cut", true],
    ["an empty answer", "plain", { text: "" }, "provider_empty", true],
    ["silence in mid-answer", "plain", { words: 30, stallAfter: 5 }, "provider_stalled", true],
    ["silence from the start", "plain", { firstTokenMs: 9_000 }, "first_token_timeout", true],
  ])("%s", async (_, provider, fields, code, retryable) => {
    const client = await connect();
    const { terminal } = await client.ask(directive(fields), provider);
    expect(terminal).toMatchObject({ type: "error", code, retryable });
    expect(terminal.message).toMatch(/^[a-zA-Z].*\.$/);
    expect(terminal.message).toContain(provider);
    expect((await client.ask(directive({ text: "alive" }), "plain")).text).toBe("alive");
  });
});

describe("what operators see", () => {
  test("/health is 200 with a worker alive", async () => {
    const response = await fetch(`http://${cluster.host}/health`);
    expect([response.status, await response.json()]).toEqual([200, { status: "ok", reasons: [] }]);
  });

  test("HEAD /health says the same without a body; a trailing slash means no session id", async () => {
    const response = await fetch(`http://${cluster.host}/health`, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
    const client = await connect("");
    expect((await client.ask(directive({ text: "hi" }), "plain")).text).toBe("hi");
  });

  test("/stats answers for the whole cluster from any edge", async () => {
    const client = await connect();
    await client.ask("Hello", "zhipu");
    const stats = await eventually("the run to be counted", async () => {
      const response = await fetch(`http://${cluster.host}/stats`);
      const body = (await response.json()) as Stats;
      const counted = (body.providers.zhipu.warm.firstTextMs?.count ?? 0) > 0;
      return counted && body.connections > 0 ? body : undefined;
    });
    expect(stats.nodes.edges).toHaveLength(2);
    expect(stats.nodes.workers).toHaveLength(2);
    expect(stats.runs.finished).toBeGreaterThan(0);
    expect(stats.providers.zhipu.warm.firstTextMs).toMatchObject({ targetMs: 1_000 });
    expect(stats.simulated).toBe(true);
  });

  test("one `run finished` line holds every phase in order, and no text of the conversation", async () => {
    const client = await connect("timed");
    const secret = "my secret question";
    await client.ask(secret, "hunyuan");
    const line = await eventually("the line", () =>
      cluster
        .logs("edge", "run finished")
        .find(({ sessionHash }) => sessionHash === hashOf("timed")),
    );
    const { queuedMs, startedMs, firstFrameMs, lastFrameMs, totalMs, attempt } =
      line as unknown as RunFinished;
    const edgePhases = [0, queuedMs, startedMs, firstFrameMs, lastFrameMs, totalMs];
    expect(edgePhases).toEqual(edgePhases.toSorted((a, b) => a - b));
    const { requestSentMs, headersMs, firstTokenMs, finishedMs } = attempt;
    const workerPhases = [0, requestSentMs, headersMs, firstTokenMs, finishedMs];
    expect(workerPhases).toEqual(workerPhases.toSorted((a, b) => a - b));
    expect(attempt.connection).toMatch(/warm|cold/);
    const everything = JSON.stringify(
      [...cluster.processes("edge"), ...cluster.processes("worker")].map(({ logs }) => logs),
    );
    expect(everything).not.toContain(secret);
    expect(everything).not.toContain(
      answerFor({ prompt: secret, profile: "hunyuan" }).slice(0, 20),
    );
  });

  test("a plain GET on the WebSocket address says what to do", async () => {
    const response = await fetch(`http://${cluster.host}/ws/stream/x`);
    expect(response.status).toBe(426);
  });
});
