import { ConnectProxy, type ConnectProxyOptions } from "@openclaw/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { provider, rawProvider } from "../testing/asking.ts";
import { answerAll } from "../testing/fake-provider.ts";
import { checkConnection } from "./check-connection.ts";

const never = new AbortController().signal;
const within = (limitMs: number) => ({ limitMs, signal: never });

describe("each step is timed, and the one that failed is named", () => {
  test("a name that there is not", async () => {
    const report = await checkConnection(new URL("https://nowhere.invalid/v1"), within(3_000));
    expect(report).toEqual({
      host: "nowhere.invalid:443",
      stepMs: { dns: expect.any(Number) },
      failed: { step: "dns", cause: expect.stringMatching(/^[A-Z_]+$/) },
    });
  });

  test("a port where nothing listens", async () => {
    const gone = await provider(answerAll);
    await gone.close();
    const url = new URL(gone.url);
    expect(await checkConnection(url, within(5_000))).toEqual({
      host: url.host,
      stepMs: { tcp: expect.any(Number) },
      failed: { step: "tcp", cause: "ECONNREFUSED" },
    });
  });

  test("a server that speaks no TLS", async () => {
    const plain = await provider(answerAll);
    const url = new URL(plain.url.replace("http:", "https:"));
    const { stepMs, failed } = await checkConnection(url, within(5_000));
    expect(Object.keys(stepMs)).toEqual(["tcp", "tls"]);
    expect(failed).toEqual({ step: "tls", cause: expect.stringMatching(/^[A-Z_0-9]+$/) });
  });

  test("a server that accepts and says nothing, once the limit has passed", async () => {
    const silent = await rawProvider(() => undefined);
    const url = new URL(silent.url.replace("http:", "https:"));
    const { stepMs, failed } = await checkConnection(url, within(100));
    expect(failed).toEqual({ step: "tls", cause: "TIMEOUT" });
    expect(stepMs.tls).toBeGreaterThan(50);
  });
});

test("a connection that opens is closed again", async () => {
  const fine = await provider(answerAll);
  const { host, stepMs, failed } = await checkConnection(new URL(fine.url), within(5_000));
  expect([host, Object.keys(stepMs), failed]).toEqual([new URL(fine.url).host, ["tcp"], undefined]);
  await expect.poll(() => [fine.accepted.length, fine.open.size]).toEqual([1, 0]);
});

test("a name is looked up, and the address found is the one that is dialled", async () => {
  const fine = await provider(answerAll);
  const url = new URL(fine.url.replace("127.0.0.1", "localhost"));
  const { stepMs, failed } = await checkConnection(url, within(5_000));
  expect([Object.keys(stepMs), failed]).toEqual([["dns", "tcp"], undefined]);
});

describe("through a proxy, its part of the way is told apart from the provider's", () => {
  async function startProxy(options?: ConnectProxyOptions): Promise<ConnectProxy> {
    const proxy = await ConnectProxy.start(options);
    onTestFinished(() => proxy.stop());
    return proxy;
  }
  const by = (proxy: ConnectProxy, limitMs = 5_000) => ({ ...within(limitMs), proxy: proxy.url() });

  test("a tunnel that opens", async () => {
    const [fine, proxy] = [await provider(answerAll), await startProxy()];
    const { host, stepMs, failed, ...report } = await checkConnection(new URL(fine.url), by(proxy));
    expect(report.proxy).toBe(proxy.host);
    expect([host, Object.keys(stepMs), failed]).toEqual([
      new URL(fine.url).host,
      ["tcp", "proxy"],
      undefined,
    ]);
    await expect.poll(() => [proxy.openSockets, fine.open.size]).toEqual([0, 0]);
  });

  test("a proxy that is away", async () => {
    const [fine, proxy] = [await provider(answerAll), await ConnectProxy.start()];
    const options = by(proxy);
    await proxy.stop();
    const { failed } = await checkConnection(new URL(fine.url), options);
    expect(failed).toEqual({ step: "tcp", cause: "ECONNREFUSED" });
  });

  test.each([
    ["HTTP/1.1 407 No\r\n\r\n", "HTTP_407"],
    ["HTTP/1.1 403 No\r\n\r\n", "HTTP_403"],
    ["220 mail\r\n", "NOT_HTTP"],
    ["", "TIMEOUT"],
  ])("a proxy that answers %j", async (answer, cause) => {
    const [fine, proxy] = [await provider(answerAll), await startProxy()];
    proxy.answer = (socket) => void socket.write(answer);
    const { stepMs, failed } = await checkConnection(new URL(fine.url), by(proxy, 300));
    expect(failed).toEqual({ step: "proxy", cause });
    expect(Object.keys(stepMs)).toEqual(["tcp", "proxy"]);
  });

  test("a provider behind it that speaks no TLS", async () => {
    const [plain, proxy] = [await provider(answerAll), await startProxy()];
    const url = new URL(plain.url.replace("http:", "https:"));
    const { stepMs, failed } = await checkConnection(url, by(proxy));
    expect(Object.keys(stepMs)).toEqual(["tcp", "proxy", "tls"]);
    expect(failed).toEqual({ step: "tls", cause: expect.stringMatching(/^[A-Z_0-9]+$/) });
  });
});
