/**
 * The worker's connections to a provider, over real TLS with a handshake that costs. The worker's
 * provider client and the simulator share this process, and nothing else.
 */
import { parseGatewayConfig } from "@openclaw/config";
import {
  createSimulator,
  directive,
  INSTANT,
  profilesAt,
  type Simulator,
} from "@openclaw/simulator";
import { eventually } from "@openclaw/testing";
import { expect, onTestFinished, test } from "vitest";
import {
  createProviderClient,
  type ProviderClient,
} from "../../services/worker/src/provider/provider-client.ts";
import { socketIsFree } from "../../services/worker/src/testing/fake-provider.ts";

const HANDSHAKE_MS = 150;
/** When the simulator closes idle connections in the tests about that. */
const SERVER_IDLE_MS = 1_500;

async function start(pool: { warm: number; idleMs?: number; connections?: number }) {
  const simulator = createSimulator({
    port: 0,
    profiles: profilesAt(INSTANT),
    tls: { port: 0, handshakeMs: HANDSHAKE_MS },
  });
  await simulator.start();
  onTestFinished(() => simulator.stop());
  const baseUrl = `${simulator.tlsUrl}/zhipu/v1`;
  const { providers } = parseGatewayConfig(
    { providers: { far: { kind: "zhipu", baseUrl, model: "m", pool } } },
    { source: "a test", env: {} },
  );
  if (providers.far === undefined) throw new Error("it was just configured");
  const lines: string[] = [];
  const write = (_facts: unknown, message?: string) => void lines.push(message ?? "");
  const client = createProviderClient({
    name: "far",
    config: providers.far,
    log: { info: write, warn: write, error: write },
    tls: { ca: simulator.certificate },
  });
  onTestFinished(() => client.stop());
  await client.start();
  return { simulator, client, lines };
}

/** One run: what carried it, and how long its first text took. */
async function run(client: ProviderClient, prompt = directive({ words: 3 })) {
  const startedAt = performance.now();
  const seen = { connection: "none", firstTextMs: Number.NaN };
  const request = { messages: [{ role: "user", content: prompt }] } as const;
  const { signal } = new AbortController();
  for await (const event of client.stream(request, { signal })) {
    if (event.type === "headers") seen.connection = event.connection;
    if (event.type === "text" && Number.isNaN(seen.firstTextMs)) {
      seen.firstTextMs = performance.now() - startedAt;
    }
  }
  return seen;
}

/** Resolves when so many connections are open, the handshake of each done, and none is just being closed. */
async function connections(simulator: Simulator, count: number): Promise<void> {
  await eventually(`${count} connections`, () => {
    const { sockets, handshakes } = simulator.stats();
    const isSettled = sockets.closed >= sockets.idleClosed;
    const isReady = handshakes.full + handshakes.resumed === sockets.opened;
    return sockets.open === count && isSettled && isReady;
  });
}

test("pool.warm connections are open after the start, and the first run pays no handshake", async () => {
  const { simulator, client } = await start({ warm: 3 });
  expect(simulator.stats().sockets).toMatchObject({ opened: 3, open: 3 });
  const { connection, firstTextMs } = await run(client);
  expect(connection).toBe("warm");
  expect(firstTextMs).toBeLessThan(HANDSHAKE_MS);
});

test("without a warm pool the first run pays the handshake and is cold, the second is warm", async () => {
  const { client } = await start({ warm: 0 });
  const first = await run(client);
  expect(first.connection).toBe("cold");
  expect(first.firstTextMs).toBeGreaterThanOrEqual(HANDSHAKE_MS);
  await socketIsFree();
  const second = await run(client);
  expect(second.connection).toBe("warm");
  expect(second.firstTextMs).toBeLessThan(HANDSHAKE_MS);
});

test("as many runs at once as there are warm connections pay nothing", async () => {
  const { client } = await start({ warm: 6 });
  const runs = await Promise.all(Array.from({ length: 6 }, () => run(client)));
  for (const { connection, firstTextMs } of runs) {
    expect(connection).toBe("warm");
    expect(firstTextMs).toBeLessThan(HANDSHAKE_MS);
  }
});

test("after a loss of all connections they are open again, and no run notices", async () => {
  const { simulator, client } = await start({ warm: 3 });
  simulator.setFaults({ idleMs: 1 });
  await eventually("the loss", () => simulator.stats().sockets.idleClosed >= 3);
  simulator.setFaults({});
  await connections(simulator, 3);
  expect((await run(client)).connection).toBe("warm");
});

test("connections after the first reuse its TLS session", async () => {
  const { simulator, client } = await start({ warm: 1 });
  await run(client);
  // The run's own connection stays with the pool, and a spare one was opened in its place.
  await connections(simulator, 2);
  const prompt = directive({ words: 3, gapMs: 20 });
  await Promise.all(Array.from({ length: 4 }, () => run(client, prompt)));
  await eventually("the refill", () => simulator.stats().handshakes.resumed >= 3);
  // The second was begun when the first was just open, perhaps before its ticket came.
  expect(simulator.stats().handshakes.full).toBeLessThanOrEqual(2);
});

test.concurrent("a server that closes spare connections early does so once: then they are replaced before", async () => {
  const { simulator, client, lines } = await start({ warm: 3, idleMs: 20_000 });
  simulator.setFaults({ idleMs: SERVER_IDLE_MS });
  const closedByServer = () => simulator.stats().sockets.idleClosed;
  await eventually("the first loss", () => closedByServer() === 3, { withinMs: 4_000 });
  await eventually("the line", () => lines.length > 0);
  await connections(simulator, 3);
  // Three rounds of replacing, in which the server finds nothing to close.
  const { opened } = simulator.stats().sockets;
  await eventually("new ones", () => simulator.stats().sockets.opened >= opened + 9, {
    withinMs: 10_000,
  });
  expect(closedByServer()).toBe(3);
  expect((await run(client)).connection).toBe("warm");
  expect(lines).toEqual(["provider closes idle sockets early"]);
});

test.concurrent("a server that closes used connections early does so once: then the pool closes them before", async () => {
  const { simulator, client } = await start({ warm: 0, idleMs: 20_000 });
  simulator.setFaults({ idleMs: SERVER_IDLE_MS });
  await run(client);
  await eventually("the loss", () => simulator.stats().sockets.idleClosed === 1);
  await run(client);
  await connections(simulator, 0);
  expect(simulator.stats().sockets).toMatchObject({ opened: 2, idleClosed: 1 });
});

test.concurrent("replacing connections early leaves no moment without a warm one", async () => {
  const { simulator, client } = await start({ warm: 2, idleMs: 20_000 });
  simulator.setFaults({ idleMs: SERVER_IDLE_MS });
  await eventually("the first loss", () => simulator.stats().sockets.idleClosed === 2);
  await connections(simulator, 2);
  const seen: string[] = [];
  for (let n = 0; n < 12; n += 1) {
    seen.push((await run(client)).connection);
    const nextAt = performance.now() + 130 + 37 * n;
    await eventually("the next moment", () => performance.now() >= nextAt);
  }
  expect(new Set(seen)).toEqual(new Set(["warm"]));
  expect(simulator.stats().total).toMatchObject({ requests: 12, completed: 12 });
});
