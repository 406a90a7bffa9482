import { describe, expect, it } from "vitest";
import { client, collect, errorOf, label, messages, provider } from "../testing/asking.ts";
import {
  answerAll,
  beginStream,
  frame,
  socketIsFree,
  until,
  WHOLE_ANSWER,
} from "../testing/fake-provider.ts";

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
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await until(() => fake.accepted[0]?.destroyed === true);
  });

  it("ends at the end marker without waiting for the end of the response", async () => {
    const fake = await provider((_request, response) => beginStream(response, ...WHOLE_ANSWER));
    const startedAt = performance.now();
    expect((await collect(await client(fake.url))).at(-1)).toMatchObject({ finish: "stop" });
    // What a finish reason without an end marker would be waited for.
    expect(performance.now() - startedAt).toBeLessThan(1_000);
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
