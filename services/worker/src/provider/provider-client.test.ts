import type { Socket } from "node:net";
import type { ErrorCode } from "@openclaw/protocol";
import { createLogger } from "@openclaw/runtime";
import { afterEach, describe, expect, it } from "vitest";
import {
  answerAll,
  beginStream,
  configFor,
  type FakeProvider,
  frame,
  socketIsFree,
  startProvider,
  startRawProvider,
  until,
  WHOLE_ANSWER,
} from "../testing/fake-provider.ts";
import {
  createProviderClient,
  type ProviderClient,
  type ProviderEvent,
} from "./provider-client.ts";
import { ProviderError } from "./provider-error.ts";

const log = createLogger({ service: "test", level: "silent" });
const messages = [{ role: "user", content: "secret prompt" }] as const;

const toRelease: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const release of toRelease.splice(0).reverse()) await release();
});

async function provider(...args: Parameters<typeof startProvider>): Promise<FakeProvider> {
  return remember(await startProvider(...args));
}

async function rawProvider(...args: Parameters<typeof startRawProvider>): Promise<FakeProvider> {
  return remember(await startRawProvider(...args));
}

function remember(fake: FakeProvider): FakeProvider {
  toRelease.push(() => fake.close());
  return fake;
}

async function client(url: string, rest: object = {}): Promise<ProviderClient> {
  const pool = { warm: 0, connections: 8 };
  const created = createProviderClient({
    name: "fake",
    config: configFor(url, { pool, ...rest }),
    log,
  });
  toRelease.push(() => created.stop());
  await created.start();
  return created;
}

async function collect(
  from: ProviderClient,
  signal = new AbortController().signal,
): Promise<ProviderEvent[]> {
  const events: ProviderEvent[] = [];
  for await (const event of from.stream({ messages }, { signal })) events.push(event);
  return events;
}

async function errorOf(promise: Promise<unknown>): Promise<ProviderError> {
  const error: unknown = await promise.then(
    () => new Error("did not fail"),
    (reason: unknown) => reason,
  );
  if (error instanceof ProviderError) return error;
  throw error;
}

const label = ([first]: readonly ProviderEvent[]) =>
  first?.type === "headers" ? first.connection : undefined;

describe("a run", () => {
  it("asks with the configured path, key and model", async () => {
    let seen: unknown;
    const fake = await provider((request, response, body) => {
      const { url, method, headers } = request;
      seen = { url, method, authorization: headers.authorization, body: JSON.parse(body) };
      answerAll(request, response);
    });
    await collect(await client(fake.url));
    expect(seen).toEqual({
      url: "/v1/chat/completions",
      method: "POST",
      authorization: "Bearer key-1",
      body: { model: "m", messages, stream: true, stream_options: { include_usage: true } },
    });
  });

  it("gives headers, text as it arrives, and one end", async () => {
    let response: Parameters<typeof beginStream>[0] | undefined;
    const fake = await provider((_request, opened) => {
      response = opened;
      beginStream(opened);
    });
    const signal = new AbortController().signal;
    const events = (await client(fake.url))
      .stream({ messages }, { signal })
      [Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ type: "headers", connection: "cold" });
    for (const text of ["静", "夜", "🌙"]) {
      // Each piece is there before the provider writes the next.
      response?.write(frame({ content: text }));
      expect((await events.next()).value).toEqual({ type: "text", text });
    }
    response?.end(frame({}, "length") + WHOLE_ANSWER[2]);
    expect((await events.next()).value).toMatchObject({ type: "finished", finish: "length" });
    expect((await events.next()).done).toBe(true);
  });

  it("ends soon when the answer is whole but the provider keeps the response open", async () => {
    const fake = await provider((_request, response) =>
      beginStream(response, frame({ content: "Hi" }), frame({}, "stop")),
    );
    const startedAt = performance.now();
    expect((await collect(await client(fake.url))).at(-1)).toMatchObject({ finish: "stop" });
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    await until(() => fake.accepted[0]?.destroyed === true);
  });

  it("ends at the end marker without waiting for the end of the response", async () => {
    const fake = await provider((_request, response) => beginStream(response, ...WHOLE_ANSWER));
    const startedAt = performance.now();
    expect((await collect(await client(fake.url))).at(-1)).toMatchObject({ finish: "stop" });
    expect(performance.now() - startedAt).toBeLessThan(500);
    // A response that never ends costs its socket, or sockets would run out.
    await until(() => fake.accepted[0]?.destroyed === true);
  });

  it("keeps the socket for the next run when the response ends after the end marker", async () => {
    let end: () => unknown = () => undefined;
    const fake = await provider((_request, response) => {
      beginStream(response, ...WHOLE_ANSWER);
      end = () => response.end();
    });
    const asked = await client(fake.url);
    await collect(asked);
    end();
    await socketIsFree();
    expect(label(await collect(asked))).toBe("warm");
    expect(fake.accepted).toHaveLength(1);
  });

  it("is whole when the connection breaks after the finish reason", async () => {
    const fake = await provider((_request, response) => {
      beginStream(response, frame({ content: "Hi" }), frame({}, "stop"));
      setImmediate(() => response.socket?.resetAndDestroy());
    });
    expect((await collect(await client(fake.url))).at(-1)).toMatchObject({ finish: "stop" });
  });
});

describe("failures name the provider and tell nothing of what it said", () => {
  const secrets = "key-1 secret prompt secret answer";
  const refusals: Readonly<Record<string, readonly [number, string, ErrorCode, string]>> = {
    key: [401, secrets, "provider_auth", "fake refused the gateway's API key (HTTP 401)."],
    rate: [
      429,
      JSON.stringify({ error: { code: "rate_limit_exceeded", message: secrets } }),
      "provider_rate_limited",
      "fake is limiting the rate of requests (HTTP 429, code rate_limit_exceeded).",
    ],
    length: [
      400,
      JSON.stringify({ error: { message: `maximum context length ${secrets}` } }),
      "context_length_exceeded",
      "fake: The conversation is too long for the model (HTTP 400).",
    ],
    queued: [202, "", "provider_overloaded", "fake is overloaded (HTTP 202)."],
    page: [502, `<html>${secrets}</html>`, "provider_error", "fake failed to answer (HTTP 502)."],
    huge: [503, "x".repeat(1_000_000), "provider_overloaded", "fake is overloaded (HTTP 503)."],
  };
  for (const [fact, [status, body, code, message]] of Object.entries(refusals)) {
    it(`refused: ${fact}`, async () => {
      const fake = await provider((_request, response) => response.writeHead(status).end(body));
      const error = await errorOf(collect(await client(fake.url)));
      expect(error).toMatchObject({ code, message, status, connection: "cold" });
      expect(error.failure).toMatchObject({ code, message });
      expect(leaked(error)).not.toMatch(/secret|key-1/);
    });
  }

  it("refuses without the body when the body does not end", async () => {
    const fake = await provider((_request, response) => response.writeHead(500).write("{"));
    const startedAt = performance.now();
    expect(await errorOf(collect(await client(fake.url)))).toMatchObject({
      code: "provider_error",
    });
    expect(performance.now() - startedAt).toBeLessThan(3_500);
  });

  it("reads an error that comes first in a stream of status 200", async () => {
    const fake = await provider((_request, response) => {
      const error = { message: `ResourceExhausted: ${secrets}`, code: 500 };
      beginStream(response, `data: ${JSON.stringify({ error })}\n\ndata: [DONE]\n\n`);
      response.end();
    });
    const error = await errorOf(collect(await client(fake.url, { kind: "nvidia" })));
    expect(error).toMatchObject({ code: "provider_overloaded", status: 200, connection: "cold" });
    expect(leaked(error)).not.toMatch(/secret|key-1/);
  });

  it("calls an answer without a finish cut, whether it ends or is reset", async () => {
    const fake = await provider((request, response) => {
      beginStream(response, frame({ content: "secret answer" }));
      if (request.url === "/v1/chat/completions") response.end();
      else setImmediate(() => response.socket?.resetAndDestroy());
    });
    const ended = await errorOf(collect(await client(fake.url)));
    const reset = await errorOf(collect(await client(`${fake.url}/other`)));
    for (const error of [ended, reset]) {
      expect(error).toMatchObject({ code: "provider_cut", connection: "cold" });
      expect(leaked(error)).not.toMatch(/secret|key-1/);
    }
  });

  it("calls what is not HTTP malformed, and keeps none of it", async () => {
    const fake = await rawProvider((socket) => {
      socket.on("data", () => socket.write("secret answer\r\n\r\n"));
    });
    const error = await errorOf(collect(await client(fake.url)));
    expect(error.code).toBe("provider_malformed");
    expect(leaked(error)).not.toMatch(/secret/);
  });
});

describe("a provider that cannot be reached", () => {
  it("refuses connections", async () => {
    const fake = await provider(answerAll);
    await fake.close();
    expect(await errorOf(collect(await client(fake.url)))).toMatchObject({
      code: "provider_unreachable",
      message: "fake cannot be reached (ECONNREFUSED).",
    });
  });

  it("has no address", async () => {
    const error = await errorOf(collect(await client("http://does-not-exist.invalid")));
    expect(error.code).toBe("provider_unreachable");
  });

  it("speaks no TLS", async () => {
    const fake = await rawProvider((socket) => socket.end("220 mail\r\n"));
    const error = await errorOf(collect(await client(fake.url.replace("http:", "https:"))));
    expect(error.code).toBe("provider_unreachable");
  });

  it("closes a new connection without an answer, and is not asked twice", async () => {
    const fake = await rawProvider((socket) => socket.on("data", () => socket.destroy()));
    const error = await errorOf(collect(await client(fake.url)));
    expect(error).toMatchObject({ code: "provider_unreachable", connection: "cold" });
    expect(fake.accepted).toHaveLength(1);
  });

  it("does not keep a worker from starting", async () => {
    const fake = await provider(answerAll);
    await fake.close();
    const startedAt = performance.now();
    await client(fake.url, { pool: { warm: 2 } });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});

describe("whether a connection was warm", () => {
  it("is cold on the first run and warm on the second over the same socket", async () => {
    const fake = await provider(answerAll);
    const asked = await client(fake.url);
    expect(label(await collect(asked))).toBe("cold");
    await socketIsFree();
    expect(label(await collect(asked))).toBe("warm");
    expect(fake.accepted).toHaveLength(1);
  });

  it("is warm on the first run with a reserve", async () => {
    const fake = await provider(answerAll);
    const asked = await client(fake.url, { pool: { warm: 2 } });
    await until(() => fake.accepted.length === 2);
    expect(label(await collect(asked))).toBe("warm");
  });

  it("is told right for runs at the same time", async () => {
    const fake = await provider((request, response) => {
      if (fake.accepted.length >= 5) answerAll(request, response);
      else waiting.push(() => answerAll(request, response));
      if (fake.accepted.length >= 5) for (const answer of waiting.splice(0)) answer();
    });
    const waiting: (() => void)[] = [];
    const asked = await client(fake.url, { pool: { warm: 2, connections: 5 } });
    const labels = (await Promise.all(Array.from({ length: 5 }, () => collect(asked)))).map(label);
    expect(labels.toSorted()).toEqual(["cold", "cold", "cold", "warm", "warm"]);
  });

  it("is cold for a run that waited until a younger socket became free", async () => {
    const fake = await provider(answerAll);
    const asked = await client(fake.url, { pool: { warm: 0, connections: 1 } });
    const runs = await Promise.all([collect(asked), collect(asked)]);
    expect(runs.map(label)).toEqual(["cold", "cold"]);
    expect(fake.accepted).toHaveLength(1);
  });
});

describe("a socket that the provider closed while it was idle", () => {
  it("goes unnoticed when the news came before the next run", async () => {
    const fake = await provider(answerAll);
    const asked = await client(fake.url);
    await collect(asked);
    await socketIsFree();
    for (const socket of fake.open) socket.end();
    await until(() => fake.open.size === 0);
    expect((await collect(asked)).at(-1)).toMatchObject({ finish: "stop" });
  });

  it("goes unnoticed when the news crosses the request", async () => {
    // Closes each socket's second request unanswered, as if it had been closed just before.
    const fake = await provider((request, response) => {
      const socket = request.socket as typeof request.socket & { used?: boolean };
      if (socket.used) socket.resetAndDestroy();
      else answerAll(request, response);
      socket.used = true;
    });
    const asked = await client(fake.url);
    await collect(asked);
    await socketIsFree();
    const second = await collect(asked);
    expect(second.at(-1)).toMatchObject({ finish: "stop" });
    // It paid for a connection of its own.
    expect(label(second)).toBe("cold");
    expect(fake.accepted).toHaveLength(2);
  });

  it("is tried again on a new connection even where every open socket is stale", async () => {
    const stale = new Set<unknown>();
    const fake = await provider((request, response) => {
      if (stale.has(request.socket)) request.socket.resetAndDestroy();
      else answerAll(request, response);
    });
    const asked = await client(fake.url, { pool: { warm: 4 } });
    await until(() => fake.accepted.length === 4);
    for (const socket of fake.accepted) stale.add(socket);
    expect((await collect(asked)).at(-1)).toMatchObject({ finish: "stop" });
  });

  it("is tried again once only", async () => {
    let requests = 0;
    const fake = await provider((request) => {
      requests += 1;
      request.socket.resetAndDestroy();
    });
    const asked = await client(fake.url, { pool: { warm: 1 } });
    expect(await errorOf(collect(asked))).toMatchObject({
      code: "provider_unreachable",
      connection: "cold",
    });
    expect(requests).toBe(2);
  });
});

describe("an abort", () => {
  const reason = new Error("the run was cancelled");

  it("closes the socket at once, before headers and in the middle of the answer", async () => {
    for (const begin of [false, true]) {
      let arrived = false;
      const fake = await provider((_request, response) => {
        if (begin) beginStream(response, frame({ content: "Hi" }));
        arrived = true;
      });
      const aborting = new AbortController();
      const run = collect(await client(fake.url), aborting.signal);
      await until(() => arrived);
      expect(fake.open.size).toBe(1);
      const abortedAt = performance.now();
      aborting.abort(reason);
      await expect(run).rejects.toBe(reason);
      await until(() => fake.open.size === 0);
      expect(performance.now() - abortedAt).toBeLessThan(200);
      await socketIsFree();
      expect(fake.accepted).toHaveLength(1);
    }
  });

  it("ends a run that still waits for a connection", async () => {
    const fake = await provider((_request, response) => beginStream(response));
    const asked = await client(fake.url, { pool: { warm: 0, connections: 1 } });
    const first = new AbortController();
    const running = collect(asked, first.signal);
    await until(() => fake.accepted.length === 1);
    const second = new AbortController();
    const waiting = collect(asked, second.signal);
    second.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    first.abort(reason);
    await expect(running).rejects.toBe(reason);
  });

  it("leaves a socket alone that went back to the pool and carries another run", async () => {
    let second: Parameters<typeof beginStream>[0] | undefined;
    const big = frame({ content: "x".repeat(20_000) });
    const fake = await provider((_request, response) => {
      beginStream(response, big);
      if (fake.accepted.length === 1 && second === undefined) response.end(WHOLE_ANSWER.join(""));
      second = response;
    });
    const asked = await client(fake.url, { pool: { warm: 0, connections: 1 } });
    const aborting = new AbortController();
    const slow = asked.stream({ messages }, { signal: aborting.signal })[Symbol.asyncIterator]();
    // The first answer is complete on the wire, and not read by its consumer.
    await slow.next();
    const first = second;
    const running = collect(asked);
    await until(() => second !== first);
    aborting.abort(reason);
    await expect(slow.next()).rejects.toBe(reason);
    second?.end(WHOLE_ANSWER.join(""));
    expect((await running).at(-1)).toMatchObject({ finish: "stop" });
    expect(fake.accepted).toHaveLength(1);
  });

  it("before the start asks nothing", async () => {
    const fake = await provider(answerAll);
    await expect(collect(await client(fake.url), AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(fake.accepted).toHaveLength(0);
  });

  it("keeps back text that had already arrived", async () => {
    const fake = await provider((_request, response) => {
      beginStream(response, frame({ content: "a" }) + frame({ content: "b" }));
    });
    const aborting = new AbortController();
    const seen: ProviderEvent[] = [];
    const asked = await client(fake.url);
    const run = async () => {
      for await (const event of asked.stream({ messages }, { signal: aborting.signal })) {
        seen.push(event);
        if (event.type === "text") aborting.abort(reason);
      }
    };
    await expect(run()).rejects.toBe(reason);
    expect(seen.filter(({ type }) => type === "text")).toHaveLength(1);
  });
});

it("leaving the loop early closes the socket", async () => {
  let carrier: () => Socket | undefined = () => undefined;
  const fake = await provider((request, response) => {
    carrier = () => request.socket;
    beginStream(response, frame({ content: "a" }));
  });
  const asked = await client(fake.url);
  for (const last of ["headers", "text"]) {
    for await (const event of asked.stream(
      { messages },
      { signal: new AbortController().signal },
    )) {
      if (event.type === last) break;
    }
    await until(() => carrier()?.destroyed === true);
  }
});

it("a slow reader holds the provider back instead of filling memory", async () => {
  let written = 0;
  let full = false;
  const fake = await provider((_request, response) => {
    beginStream(response);
    const piece = frame({ content: "x".repeat(100_000) });
    const write = () => {
      full = false;
      while (written < 100e6 && !full) {
        written += piece.length;
        full = !response.write(piece);
      }
    };
    response.on("drain", write);
    write();
  });
  const asked = await client(fake.url);
  for await (const event of asked.stream({ messages }, { signal: new AbortController().signal })) {
    if (event.type !== "text") continue;
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    break;
  }
  expect(written).toBeLessThan(20e6);
});

it("stopping fails the runs in flight and closes every socket", async () => {
  const fake = await provider((_request, response) =>
    beginStream(response, frame({ content: "a" })),
  );
  const asked = await client(fake.url, { pool: { warm: 3 } });
  let streaming = false;
  const run = (async () => {
    for await (const event of asked.stream(
      { messages },
      { signal: new AbortController().signal },
    )) {
      streaming ||= event.type === "text";
    }
  })();
  const failed = errorOf(run);
  await until(() => streaming);
  await asked.stop();
  await asked.stop();
  expect((await failed).code).toBe("unavailable");
  await until(() => fake.open.size === 0);
  expect((await errorOf(collect(asked))).code).toBe("unavailable");
});

/** Everything of an error that a logger could print. */
function leaked(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.stack} ${JSON.stringify(error)} ${leaked(error.cause ?? "")}`;
}
