import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { eventually } from "@openclaw/testing";
import { test as base, describe, expect } from "vitest";
import { WebSocket } from "ws";
import { TestServer, type TestServerOptions } from "../testing/test-server.ts";
import { Descriptors } from "./descriptors.ts";

const test = base.extend(
  "open",
  ({ onTestFinished }) =>
    async (options: TestServerOptions = {}) => {
      const server = await TestServer.open(options);
      onTestFinished(() => server.close());
      return server;
    },
);

interface Visit {
  readonly socket: WebSocket;
  /** The close code, or the status of the refusal. */
  readonly outcome: Promise<number>;
}

/** Connects. Resolves when the connection is open or refused. */
async function visit(
  { port }: TestServer,
  from?: string,
  protocols: string[] = [],
): Promise<Visit> {
  const headers = from === undefined ? {} : { "x-forwarded-for": from };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/stream`, protocols, { headers });
  socket.on("error", () => undefined);
  const outcome = new Promise<number>((resolve) => {
    socket.on("unexpected-response", (request, { statusCode = 0 }) => {
      request.destroy();
      resolve(statusCode);
    });
    socket.on("close", (code) => resolve(code));
  });
  await Promise.race([once(socket, "open"), outcome]);
  return { socket, outcome };
}

/** A WebSocket by hand, for frames that no library sends. */
async function rawSocket({ port }: TestServer): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  const lines = [
    "GET /ws/stream HTTP/1.1",
    "host: 127.0.0.1",
    "upgrade: websocket",
    "connection: upgrade",
    "sec-websocket-version: 13",
    `sec-websocket-key: ${"A".repeat(22)}==`,
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  await once(socket, "data");
  return socket;
}

describe("connections of one address", () => {
  test("are bounded, and there is room again when one is gone", async ({ open }) => {
    const server = await open({ perAddress: 2 });
    const [first] = [await visit(server), await visit(server)];
    expect(await (await visit(server)).outcome).toBe(503);
    expect(server.refused).toEqual(["overloaded"]);
    first.socket.close();
    await eventually("room", () => server.connections.size === 1);
    expect((await visit(server)).socket.readyState).toBe(WebSocket.OPEN);
  });

  test("belong to the client that a proxy names", async ({ open }) => {
    const server = await open({ perAddress: 1 });
    for (const client of ["203.0.113.1", "203.0.113.2", "10.0.0.1, 203.0.113.3"]) {
      expect((await visit(server, client)).socket.readyState, client).toBe(WebSocket.OPEN);
    }
    expect(await (await visit(server, "198.51.100.1, 203.0.113.2")).outcome).toBe(503);
  });

  test("of a proxy that names no client are not bounded unless configured", async ({ open }) => {
    const server = await open();
    const visits = await Promise.all(Array.from({ length: 350 }, () => visit(server)));
    expect(visits.every(({ socket }) => socket.readyState === WebSocket.OPEN)).toBe(true);
    for (const { socket } of visits) socket.terminate();
  });

  test("of one client are 250 at most, unless configured", async ({ open }) => {
    const server = await open();
    const visits = await Promise.all(
      Array.from({ length: 260 }, () => visit(server, "203.0.113.1")),
    );
    const isOpen = ({ socket }: Visit) => socket.readyState === WebSocket.OPEN;
    expect(visits.filter(isOpen)).toHaveLength(250);
    for (const { socket } of visits) socket.terminate();
  });
});

describe("frames", () => {
  test("that are longer than the limit of v1 are refused with a reason", async ({ open }) => {
    const { socket, outcome } = await visit(await open());
    const told = once(socket, "message");
    socket.send("x".repeat(1_001));
    expect(JSON.parse(String((await told)[0]))).toMatchObject({ code: "frame_too_long" });
    expect(await outcome).toBe(1009);
  });

  test("that are longer than every limit are cut when their head has come", async ({ open }) => {
    const server = await open();
    const socket = await rawSocket(server);
    // 2,001 bytes are announced, and none of them sent.
    socket.write(Buffer.from([0x81, 0xfe, 0x07, 0xd1, 0, 0, 0, 0]));
    await once(socket, "close");
    expect(server.connections.size).toBe(0);
  });

  test("that are pings and pongs are reported, and the connection may be closed for them", async ({
    open,
  }) => {
    const server = await open();
    const { socket, outcome } = await visit(server);
    for (let ping = 0; ping < 501; ping += 1) {
      socket.ping();
      socket.pong();
    }
    expect(await outcome).toBe(1008);
    expect(server.controls).toBe(1_001);
    expect(server.connections.size).toBe(0);
  });

  test("that never end do not keep a connection, however often a byte comes", async ({ open }) => {
    const server = await open();
    const socket = await rawSocket(server);
    socket.write(Buffer.from([0x81, 0xfe, 0x03, 0xe8, 0, 0, 0, 0]));
    const { socket: idle } = await visit(server);
    const gone = once(socket, "close");
    for (let look = 0; look < 3; look += 1) {
      socket.write("x");
      const ponged = once(idle, "pong");
      idle.ping();
      await ponged;
      for (const connection of server.connections) connection.checkAlive(2);
    }
    await gone;
    expect(idle.readyState).toBe(WebSocket.OPEN);
    expect(server.connections.size).toBe(1);
  });
});

test("connections without a descriptor to spare are closed, and accepted again once others are gone", async ({
  open,
}) => {
  const descriptors = new Descriptors({ limit: 16, count: () => undefined });
  expect(descriptors.most).toBe(8);
  const server = await open({ descriptors });
  const sockets: Socket[] = [];
  const closed = new Set<Socket>();
  const come = () => {
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => undefined).on("close", () => closed.add(socket));
    sockets.push(socket);
  };
  for (let visitors = 0; visitors < 12; visitors += 1) come();
  await eventually("the last four are closed", () => closed.size === 4);
  const [one] = sockets.filter((socket) => !closed.has(socket));
  one?.destroy();
  await eventually("room for one", async () => {
    // Until then the connection is closed without a response.
    const asked = fetch(`${server.url}/health`, { headers: { connection: "close" } });
    return (await asked.catch(() => undefined))?.status === 200;
  });
});
