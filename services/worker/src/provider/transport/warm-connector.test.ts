import { type AddressInfo, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Logger } from "@openclaw/runtime";
import { afterEach, describe, expect, it } from "vitest";
import {
  configFor,
  type FakeProvider,
  startRawProvider,
  until,
} from "../../testing/fake-provider.ts";
import { Dialer, type TlsOptions } from "./dialer.ts";
import { WarmConnector } from "./warm-connector.ts";

const toRelease: (() => unknown)[] = [];
afterEach(async () => {
  for (const release of toRelease.splice(0).reverse()) await release();
});

async function provider(onSocket: (socket: Socket) => void = (socket) => socket.resume()) {
  const fake = await startRawProvider(onSocket);
  toRelease.push(() => fake.close());
  return fake;
}

interface Line {
  readonly message: string;
  readonly fields: unknown;
}

function connector(url: string, pool: object, tls?: TlsOptions) {
  const lines: Line[] = [];
  const write = (fields: unknown, message: string) => lines.push({ fields, message });
  // A recorder of the two methods used, in place of pino's overloaded ones.
  const log = { info: write, warn: write } as unknown as Logger;
  const config = configFor(url, { pool });
  const dialer = new Dialer({ origin: new URL(url), connectMs: 2_000, tls });
  const warm = new WarmConnector({ provider: "fake", dialer, pool: config.pool, log });
  toRelease.push(() => warm.stop());
  /** Asks for a socket as undici does. */
  const ask = () =>
    new Promise<Socket>((resolve, reject) => {
      warm.connect({ hostname: "", protocol: "", port: "" }, (error, socket) => {
        if (socket === null) return reject(error);
        toRelease.push(() => socket.destroy());
        resolve(socket);
      });
    });
  return { warm, dialer, ask, lines };
}

const accepted = (fake: FakeProvider, count: number) => until(() => fake.accepted.length === count);

describe("the spare sockets", () => {
  it("opens its sockets at the start", async () => {
    const fake = await provider();
    const { warm } = connector(fake.url, { warm: 3 });
    await warm.start(1_000);
    expect(warm.sockets.spare).toBe(3);
  });

  it("gives an open socket at once, and refills behind it", async () => {
    const fake = await provider();
    const { warm, dialer, ask } = connector(fake.url, { warm: 2 });
    await warm.start(1_000);
    const askedAt = dialer.mark();
    const socket = await ask();
    expect(dialer.wasOpenAt(socket, askedAt)).toBe(true);
    await until(() => warm.sockets.spare === 2);
    await accepted(fake, 3);
  });

  it("leaves no listener of its own on what it gives away but the one that counts it", async () => {
    const fake = await provider();
    const { warm, ask } = connector(fake.url, { warm: 1 });
    await warm.start(1_000);
    const socket = await ask();
    expect(socket.listenerCount("readable")).toBe(0);
    expect(socket.listenerCount("data")).toBe(0);
    expect(socket.listenerCount("close")).toBe(1);
  });

  it("dials for whoever finds it empty", async () => {
    const fake = await provider();
    const { warm, dialer, ask } = connector(fake.url, { warm: 0 });
    await warm.start(1_000);
    const askedAt = dialer.mark();
    expect(dialer.wasOpenAt(await ask(), askedAt)).toBe(false);
    expect(fake.accepted).toHaveLength(1);
  });

  it("never opens more than the pool may have", async () => {
    const fake = await provider();
    const { warm, ask } = connector(fake.url, { warm: 3, connections: 4 });
    await warm.start(1_000);
    const sockets = await Promise.all([ask(), ask(), ask()]);
    await until(() => warm.sockets.spare === 1);
    await accepted(fake, 4);
    for (const socket of sockets) socket.destroy();
    await until(() => warm.sockets.spare === 3);
  });

  it("replaces its sockets when the provider closes them", async () => {
    const fake = await provider();
    const { warm } = connector(fake.url, { warm: 2 });
    await warm.start(1_000);
    await accepted(fake, 2);
    for (const socket of [...fake.open]) socket.destroy();
    await until(() => fake.open.size === 0);
    await until(() => fake.open.size === 2 && warm.sockets.spare === 2);
  });

  it("drops a socket on which the provider speaks unasked", async () => {
    const fake = await provider();
    const { warm, ask } = connector(fake.url, { warm: 1 });
    await warm.start(1_000);
    await accepted(fake, 1);
    fake.accepted[0]?.write("HTTP/1.1 408 Request Timeout\r\n\r\n");
    await until(() => fake.accepted[0]?.destroyed === true);
    expect((await ask()).remotePort).toBeDefined();
  });

  it("replaces a socket before it grows old, and always has one", async () => {
    const fake = await provider();
    const { warm } = connector(fake.url, { warm: 2, idleMs: 60 });
    await warm.start(1_000);
    const sizes = new Set<number>();
    await until(() => {
      sizes.add(warm.sockets.spare);
      return fake.accepted.length >= 6;
    });
    expect(Math.min(...sizes)).toBe(2);
    await until(() => fake.open.size === 2);
  });

  it("closes everything when stopped, and twice is once", async () => {
    const fake = await provider();
    const { warm } = connector(fake.url, { warm: 2 });
    await warm.start(1_000);
    warm.stop();
    warm.stop();
    expect(warm.sockets.spare).toBe(0);
    await until(() => fake.accepted.length === 2 && fake.open.size === 0);
  });
});

describe("a provider that is away", () => {
  it("is logged once, tried again, and logged when it is back", async () => {
    const gone = await provider();
    const { port } = new URL(gone.url);
    await gone.close();
    const { warm, ask, lines } = connector(gone.url, { warm: 1 });
    await warm.start(1_000);
    expect(warm.sockets.spare).toBe(0);
    await expect(ask()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(lines).toEqual([
      { message: "provider unreachable", fields: { provider: "fake", cause: "ECONNREFUSED" } },
    ]);
    const server = createServer((socket) => socket.resume()).listen(Number(port), "127.0.0.1");
    toRelease.push(() => server.close());
    await until(() => warm.sockets.spare === 1);
    await ask();
    expect(lines.at(-1)?.message).toBe("provider reachable again");
  });

  it("is not dialled in a tight loop when it closes every socket at once", async () => {
    const fake = await provider((socket) => socket.destroy());
    const { warm, lines } = connector(fake.url, { warm: 2 });
    await warm.start(1_000);
    const startedAt = performance.now();
    await until(() => performance.now() - startedAt > 400);
    expect(fake.accepted.length).toBeLessThan(12);
    expect(lines).toHaveLength(1);
  });
});

it("opens sockets with TLS done, and later ones with a short handshake", async () => {
  const psk = Buffer.from("0123456789abcdef");
  const suite = { ciphers: "PSK-AES128-GCM-SHA256", maxVersion: "TLSv1.2" } as const;
  const server = createTlsServer({ ...suite, pskCallback: () => psk }, (socket) => socket.resume());
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  toRelease.push(() => server.close());
  const { warm, dialer, ask } = connector(
    `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    { warm: 1 },
    // A shared key needs no certificate, so there is no identity to check.
    { ...suite, pskCallback: () => ({ psk, identity: "x" }), checkServerIdentity: () => undefined },
  );
  await warm.start(1_000);
  const first = await ask();
  expect(first).toMatchObject({ encrypted: true, readyState: "open" });
  await until(() => dialer.hasSession && warm.sockets.spare === 1);
  // The second was dialled while the first had its session already.
  await ask();
  await until(() => warm.sockets.spare === 1);
  const third = await ask();
  expect(
    "isSessionReused" in third && (third as { isSessionReused(): boolean }).isSessionReused(),
  ).toBe(true);
});
