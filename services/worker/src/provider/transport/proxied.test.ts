import type { Socket } from "node:net";
import { createLogger } from "@openclaw/runtime";
import { ConnectProxy, type ConnectProxyOptions, eventually } from "@openclaw/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  client,
  collect,
  errorOf,
  label,
  leaked,
  messages,
  provider,
} from "../../testing/asking.ts";
import { answerAll, configFor } from "../../testing/fake-provider.ts";
import { createProviderClient } from "../provider-client.ts";

const CONNECT_MS = 400;
const SECRET = "s3cr%t:";

async function startProxy(options?: ConnectProxyOptions): Promise<ConnectProxy> {
  const proxy = await ConnectProxy.start(options);
  onTestFinished(() => proxy.stop());
  return proxy;
}

const text = (events: Awaited<ReturnType<typeof collect>>) =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");

describe("a provider behind a proxy", () => {
  test("is asked through a tunnel, and never directly", async () => {
    const [fake, proxy] = [await provider(answerAll), await startProxy()];
    const asked = await client(fake.url, { proxy: proxy.url() });
    expect(text(await collect(asked))).toBe("Hi");
    expect(proxy.targets).toEqual([new URL(fake.url).host]);
    expect(proxy.others).toEqual([]);
  });

  test("has its spare sockets opened through it, and a run finds one of them warm", async () => {
    const [fake, proxy] = [await provider(answerAll), await startProxy()];
    const asked = await client(fake.url, { proxy: proxy.url(), pool: { warm: 3 } });
    expect(proxy.targets).toHaveLength(3);
    expect(label(await collect(asked))).toBe("warm");
  });

  test("is found by the proxy where only the proxy knows its name", async () => {
    const fake = await provider(answerAll);
    const { hostname, port } = new URL(fake.url);
    const hosts = { "only-inside.example": { host: hostname, port: Number(port) } };
    const proxy = await startProxy({ hosts });
    const asked = await client("http://only-inside.example", { proxy: proxy.url() });
    expect(text(await collect(asked))).toBe("Hi");
    expect(proxy.targets).toEqual(["only-inside.example:80"]);
  });

  test("is reached with user and password, of any characters", async () => {
    const fake = await provider(answerAll);
    const proxy = await startProxy({ credentials: `me@home:${SECRET}` });
    const credentials = `me%40home:${encodeURIComponent(SECRET)}`;
    const asked = await client(fake.url, { proxy: proxy.url(credentials) });
    expect(text(await collect(asked))).toBe("Hi");
  });

  test.each([
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 102 Processing\r\nVia: x\r\n\r\nHTTP/1.0 100 Continue\n\n",
  ])("is asked where the proxy says first that it goes on: %j", async (interim) => {
    const [fake, proxy] = [await provider(answerAll), await startProxy({ interim })];
    expect(text(await collect(await client(fake.url, { proxy: proxy.url() })))).toBe("Hi");
  });

  test("leaves no socket behind when it is closed", async () => {
    const [fake, proxy] = [await provider(answerAll), await startProxy()];
    const asked = await client(fake.url, { proxy: proxy.url(), pool: { warm: 3 } });
    await collect(asked);
    await asked.stop();
    await eventually("all closed", () => proxy.openSockets === 0 && fake.open.size === 0);
  });

  test("is asked again where the tunnel closed while it was idle", async () => {
    const [fake, proxy] = [await provider(answerAll), await startProxy()];
    const asked = await client(fake.url, { proxy: proxy.url() });
    await collect(asked);
    for (const socket of fake.open) socket.destroy();
    await eventually("the news", () => proxy.openSockets === 0);
    expect(text(await collect(asked))).toBe("Hi");
  });
});

describe("a proxy that fails is told as such", () => {
  const saying = (bytes: string) => (socket: Socket) => void socket.write(bytes);
  const TUNNEL = "HTTP/1.1 200 OK\r\n";

  test.each([
    [
      "wants a password",
      saying("HTTP/1.1 407 No\r\n\r\n"),
      "the proxy wants another user or password, HTTP 407",
    ],
    [
      "forbids it",
      saying("HTTP/1.1 403 No\r\nContent-Length: 6\r\n\r\nsecret"),
      "the proxy refused the tunnel, HTTP 403",
    ],
    [
      "finds nothing",
      saying("HTTP/1.0 502 Bad Gateway\r\n\r\n"),
      "the proxy refused the tunnel, HTTP 502",
    ],
    [
      "sends elsewhere",
      saying("HTTP/1.1 302 Found\r\nLocation: http://x\r\n\r\n"),
      "the proxy refused the tunnel, HTTP 302",
    ],
    [
      "closes",
      (socket: Socket) => void socket.end(),
      "the proxy closed the connection instead of opening a tunnel",
    ],
    [
      "resets",
      (socket: Socket) => void socket.resetAndDestroy(),
      /^the proxy (closed the connection instead|cannot be reached, ECONNRESET)/,
    ],
    [
      "closes in its answer",
      (socket: Socket) => void socket.end(TUNNEL),
      "the proxy closed the connection instead of opening a tunnel",
    ],
    [
      "speaks another protocol",
      saying("220 mail.example ESMTP\r\n"),
      "the proxy does not speak HTTP",
    ],
    [
      "goes on and never answers",
      saying("HTTP/1.1 100 Continue\r\n\r\n"),
      "the proxy did not open a tunnel in time",
    ],
    [
      "goes on without end",
      saying("HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000)),
      "the proxy does not speak HTTP",
    ],
    [
      "goes on and forbids it",
      saying("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\n\r\n"),
      "the proxy refused the tunnel, HTTP 403",
    ],
    [
      "would switch protocols",
      saying("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
      "the proxy refused the tunnel, HTTP 101",
    ],
    [
      "never ends its head",
      saying(`${TUNNEL}X: ${"x".repeat(20_000)}`),
      "the proxy does not speak HTTP",
    ],
    [
      "speaks for the provider",
      saying(`${TUNNEL}\r\nHTTP/1.1 200 OK\r\n\r\n`),
      "the proxy does not speak HTTP",
    ],
    ["says nothing", () => undefined, "the proxy did not open a tunnel in time"],
    ["says half of it", saying(TUNNEL), "the proxy did not open a tunnel in time"],
  ])("it %s", async (_, answer, detail) => {
    const [fake, proxy] = [await provider(answerAll), await startProxy()];
    proxy.answer = answer;
    const asked = await client(fake.url, {
      proxy: proxy.url(`me:${encodeURIComponent(SECRET)}`),
      timeouts: { connectMs: CONNECT_MS },
    });
    const startedAt = performance.now();
    const error = await errorOf(collect(asked));
    expect(performance.now() - startedAt).toBeLessThan(10 * CONNECT_MS);
    expect(error.code).toBe("provider_unreachable");
    const said = /^fake cannot be reached \((.*)\)\.$/.exec(error.message)?.[1];
    expect(said).toMatch(detail);
    for (const secret of [SECRET, encodeURIComponent(SECRET), btoa(`me:${SECRET}`)]) {
      expect(leaked(error)).not.toContain(secret);
    }
    expect(fake.accepted).toHaveLength(0);
  });

  test("it is away", async () => {
    const [fake, proxy] = [await provider(answerAll), await ConnectProxy.start()];
    const url = proxy.url();
    await proxy.stop();
    const error = await errorOf(collect(await client(fake.url, { proxy: url })));
    expect(error.message).toBe(
      "fake cannot be reached (the proxy cannot be reached, ECONNREFUSED).",
    );
  });

  test("the log has its address once, without a password", async () => {
    const [fake, proxy] = [
      await provider(answerAll),
      await startProxy({ credentials: "me:other" }),
    ];
    const lines: string[] = [];
    const log = createLogger(
      { service: "test", level: "warn" },
      { write: (line) => void lines.push(line) },
    );
    const config = configFor(fake.url, { proxy: proxy.url("me:guess"), pool: { warm: 1 } });
    const asked = createProviderClient({ name: "fake", config, log });
    onTestFinished(() => asked.stop());
    await asked.start();
    await errorOf(collect(asked));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { msg: "provider unreachable", provider: "fake", cause: "PROXY_HTTP_407", proxy: proxy.host },
    ]);
    expect(lines.join("")).not.toMatch(/guess|Basic/);
  });

  test("a run that is cancelled does not wait for it", async () => {
    const [fake, proxy] = [await provider(answerAll), await startProxy()];
    proxy.answer = () => undefined;
    const asked = await client(fake.url, { proxy: proxy.url(), timeouts: { connectMs: 10_000 } });
    const cancel = new AbortController();
    const run = asked
      .stream({ messages }, { signal: cancel.signal })
      [Symbol.asyncIterator]()
      .next();
    await eventually("the request for a tunnel", () => proxy.targets.length === 1);
    const why = new Error("cancelled");
    cancel.abort(why);
    await expect(run).rejects.toBe(why);
    await asked.stop();
    await eventually("nothing to be open", () => proxy.openSockets === 0);
  });
});
