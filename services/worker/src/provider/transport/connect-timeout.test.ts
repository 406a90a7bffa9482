import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { parseGatewayConfig } from "@openclaw/config";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createProviderClient, type ProviderClient } from "../provider-client.ts";

const CONNECT_MS = 300;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const sockets: Socket[] = [];
let server: Server;
let provider: ProviderClient;

/** A host that accepts TCP and then says nothing, so that no TLS handshake ever ends. */
beforeEach(async () => {
  server = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  // Listening on TCP, so the address is no path.
  const { port } = server.address() as AddressInfo;
  const { providers } = parseGatewayConfig(
    {
      providers: {
        mute: {
          kind: "openai",
          baseUrl: `https://127.0.0.1:${port}/v1`,
          model: "m",
          timeouts: { connectMs: CONNECT_MS },
        },
      },
    },
    { source: "test", env: {} },
  );
  if (!providers.mute) throw new Error("unreachable");
  provider = createProviderClient({ name: "mute", config: providers.mute, log });
  await provider.start();
});

afterEach(async () => {
  await provider.stop();
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

test("every request to a host that never finishes a handshake fails after connectMs, not later", async () => {
  for (let round = 0; round < 4; round += 1) {
    const startedAt = performance.now();
    const events = provider.stream(
      { messages: [{ role: "user", content: "hi" }] },
      { signal: AbortSignal.timeout(10_000) },
    );
    const first = events[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ code: "provider_unreachable" });
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(CONNECT_MS - 50);
    expect(tookMs).toBeLessThan(CONNECT_MS + 400);
  }
});
