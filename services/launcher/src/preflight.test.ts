import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { assertPortFree, assertRedisUsable } from "./preflight.ts";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(): Promise<number> {
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe("preflight", () => {
  test("a port in use is named, with how to choose another", async () => {
    const port = await listen();
    await expect(assertPortFree("127.0.0.1", port)).rejects.toMatchObject({
      code: "port_unavailable",
      message: `Port ${port} on 127.0.0.1 is already in use: choose another with --port or EDGE_PORT.`,
    });
  });

  test("a free port is free again afterwards", async () => {
    const port = await listen();
    await new Promise((resolve) => servers.splice(0)[0]?.close(resolve));
    await assertPortFree("127.0.0.1", port);
    await assertPortFree("127.0.0.1", port);
  });

  test("an address that is not this machine's is named", async () => {
    await expect(assertPortFree("192.0.2.1", 8001)).rejects.toThrow(
      /^Cannot listen on 192\.0\.2\.1, port 8001 \(EADDRNOTAVAIL\): check EDGE_HOST/,
    );
  });

  test("a Redis that is not there is named without its password", async () => {
    const port = await listen();
    const attempt = assertRedisUsable(`redis://me:secret@127.0.0.1:${port}/1`, "test:");
    await expect(attempt).rejects.toMatchObject({ code: "redis_unusable" });
    await expect(attempt).rejects.toThrow(`redis://127.0.0.1:${port}/1`);
    await expect(attempt).rejects.not.toThrow("secret");
  });

  test("a REDIS_URL that is none is refused", async () => {
    await expect(assertRedisUsable("localhost:6379", "test:")).rejects.toThrow(
      "is not a Redis URL",
    );
  });
});
