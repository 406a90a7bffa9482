import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Reply } from "./reply.ts";
import { until } from "./testing/wire.ts";

/** Both ends of one exchange whose request has arrived and is not answered yet. */
async function openExchange() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const client = request({ port, host: "127.0.0.1", agent: false });
  client.on("error", () => undefined);
  client.end();
  const [, response] = (await once(server, "request")) as [IncomingMessage, ServerResponse];
  return { client, response, reply: new Reply(response) };
}

test("a client that does not read holds the writer back, and then gets every byte", async () => {
  const { client, response, reply } = await openExchange();
  const megabyte = "x".repeat(1024 * 1024);
  let written = 0;
  const work = (async () => {
    while (written < 100 && (await reply.write(megabyte))) written += 1;
    return reply.end();
  })();
  const [incoming] = (await once(client, "response")) as [IncomingMessage];
  await until(() => response.writableNeedDrain);
  expect(written).toBeLessThan(50);
  let bytes = 0;
  for await (const chunk of incoming) bytes += chunk.length;
  expect(await work).toBe(true);
  expect(bytes).toBe(100 * megabyte.length);
});

test("every wait ends when the client leaves, and nothing can be written after", async () => {
  const { client, reply } = await openExchange();
  const wait = reply.waitUntil(performance.now() + 60_000);
  client.destroy();
  expect(await wait).toBe(false);
  expect(reply.open).toBe(false);
  expect(await reply.write("late")).toBe(false);
  expect(await reply.end()).toBe(false);
  await reply.untilClosed();
});

test("a wait is never shorter than asked", async () => {
  const { reply } = await openExchange();
  for (let round = 0; round < 20; round += 1) {
    const at = performance.now() + 1.3;
    await reply.waitUntil(at);
    expect(performance.now()).toBeGreaterThanOrEqual(at);
  }
});
