/** Old v1 clients know `done` alone, and wait for it behind an error until their connection is closed. */
import { once } from "node:events";
import { directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, eventually, V1Client } from "@openclaw/testing";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { WebSocket } from "ws";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const LINGER_MS = 1_000;

let simulator: Simulator;
let cluster: Cluster;

beforeAll(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url),
    edges: 1,
    workers: 1,
    env: { EDGE_V1_ERROR_LINGER_MS: String(LINGER_MS) },
  });
});

afterAll(async () => {
  await cluster?.stop();
  await simulator?.stop();
});

async function connect(): Promise<V1Client> {
  return V1Client.connect(cluster.url());
}

async function closed(client: V1Client): Promise<number | undefined> {
  await eventually("the close", () => client.closed, { withinMs: 10 * LINGER_MS });
  return client.closed?.code;
}

/** Waits for as long as a client that says nothing would have been closed twice. */
async function outlast(client: V1Client, meanwhile: () => void = () => undefined): Promise<void> {
  const since = performance.now();
  await eventually(
    "twice the time",
    () => {
      meanwhile();
      return performance.now() - since > 2 * LINGER_MS;
    },
    { withinMs: 10 * LINGER_MS, everyMs: LINGER_MS / 5 },
  );
  expect(client.closed).toBeUndefined();
}

describe("a client that reads until `done` and knows nothing else", () => {
  test.each([
    ["an unknown provider", { message: "Hello", provider: "nosuch" }],
    ["a run that failed", { message: directive({ status: 500 }), provider: "hunyuan" }],
    ["an empty message", { message: " " }],
    ["a message by another name", { prompt: "Hello" }],
    ["text that is no JSON", "Hello"],
    ["JSON that is no object", '["Hello"]'],
    ["a binary frame", Buffer.from('{"message":"Hello"}')],
  ])("ends by itself behind %s", async (_, asked) => {
    const socket = new WebSocket(cluster.url());
    await once(socket, "open");
    const frames: string[] = [];
    socket.on("message", (data) => frames.push(String(data)));
    const isRaw = typeof asked === "string" || Buffer.isBuffer(asked);
    socket.send(isRaw ? asked : JSON.stringify(asked));
    // As Python's `websockets` does by itself: they prove that the connection lives, but not that its client does.
    const pings = setInterval(() => socket.ping(), LINGER_MS / 5);
    const [code] = await once(socket, "close");
    clearInterval(pings);
    expect([code, frames.length]).toEqual([1000, 1]);
    expect(JSON.parse(frames[0] ?? "")).toMatchObject({ type: "error" });
  });
});

describe.concurrent("a client that read the error", () => {
  test("has the time again with each frame", async () => {
    const client = await connect();
    await client.ask("Hello", "nosuch");
    await outlast(client, () => client.send('{"type":"ping"}'));
    expect(await closed(client)).toBe(1000);
  });

  test("is not closed while its next answer comes, nor behind it", async () => {
    const client = await connect();
    await client.ask("Hello", "nosuch");
    const pieces = ["slow ", "but ", "whole"];
    client.say(directive({ pieces, gapMs: LINGER_MS }), "zhipu");
    const { text, terminal } = await client.reply();
    expect([text, terminal.type]).toEqual(["slow but whole", "done"]);
    await outlast(client);
    client.close();
  });

  test("is not closed while messages wait", async () => {
    const client = await connect();
    client.say("Hello", "nosuch");
    client.say(directive({ text: "late", firstTokenMs: 2 * LINGER_MS }), "zhipu");
    expect((await client.reply()).terminal.code).toBe("unknown_provider");
    expect((await client.reply()).text).toBe("late");
    client.close();
  });

  test("is not closed behind a cancel that it asked for itself", async () => {
    const client = await connect();
    client.say(directive({ words: 500, gapMs: 20 }), "zhipu");
    await eventually("some text", () => client.textSoFar !== "");
    client.send('{"type":"cancel"}');
    expect((await client.reply()).terminal.code).toBe("cancelled");
    await outlast(client);
    client.close();
  });

  test("is not closed as long as it sends heartbeats of its own, which are errors themselves", async () => {
    const client = await connect();
    await client.ask("Hello", "nosuch");
    await outlast(client, () => client.send('{"type":"heartbeat"}'));
    client.close();
  });

  test("nor is one that never met an error", async () => {
    const client = await connect();
    await client.ask(directive({ text: "hi" }), "zhipu");
    await outlast(client);
    client.close();
  });
});
