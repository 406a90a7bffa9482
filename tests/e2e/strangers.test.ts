/** Rude strangers: their frames and their silence cost no other user anything. */
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { directive, INSTANT, profilesAt } from "@openclaw/simulator";
import { Cluster, eventually, V1Client, V2Client } from "@openclaw/testing";
import { test as base, describe, expect, inject } from "vitest";
import { boundMs } from "../suites.ts";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const MIB = 1024 * 1024;

const test = base.extend(
  "start",
  ({ onTestFinished }) =>
    async (env: Record<string, string> = {}) => {
      const simulator = await startSimulator(profilesAt(INSTANT));
      onTestFinished(() => simulator.stop());
      const gateway = simulatedGateway(simulator.url);
      const redisUrl = inject("redisUrl");
      const cluster = await Cluster.start({ redisUrl, gateway, edges: 1, workers: 1, env });
      onTestFinished(() => cluster.stop());
      return cluster;
    },
);

/** Bytes of memory that the edge of a cluster has in use. */
function memoryOf(cluster: Cluster): number {
  const [edge] = cluster.running("edge");
  const status = readFileSync(`/proc/${edge?.process.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
}

async function inboundBytes(cluster: Cluster): Promise<number> {
  return (await cluster.scrape("edge")).sum("openclaw_inbound_bytes");
}

/** Sends all of a request but its last byte. */
async function stopShort(host: string, bytes: number): Promise<Socket> {
  const [name, port] = host.split(":");
  const socket = connect(Number(port), name);
  socket.on("error", () => undefined);
  socket.resume();
  const head = [
    "POST /v1/runs HTTP/1.1",
    `host: ${host}`,
    "content-type: application/json",
    `content-length: ${bytes}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  await new Promise<void>((resolve) => {
    socket.write(Buffer.alloc(bytes - 1, "x"), () => resolve());
    socket.once("close", () => resolve());
  });
  return socket;
}

/** The status of a request to begin a run, and the code it is refused with. */
function post({ host }: Cluster, message: string): Promise<{ status: number; code?: string }> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json" };
    const asked = request(`http://${host}/v1/runs`, { method: "POST", headers, agent: false });
    asked.on("error", reject).on("response", async (response) => {
      const body = JSON.parse(Buffer.concat(await response.toArray()).toString());
      resolve({ status: response.statusCode ?? 0, code: body.error?.code });
    });
    asked.end(JSON.stringify({ message, provider: "zhipu" }));
  });
}

describe("clients that stop short of the last byte", () => {
  test("take no more memory than the budget, keep nobody out who asks a short question, and leave nothing", async ({
    start,
  }) => {
    const cluster = await start({ EDGE_INBOUND_BYTES: String(16 * MIB) });
    const before = memoryOf(cluster);
    const sockets = await Promise.all(
      Array.from({ length: 60 }, () => stopShort(cluster.host, 3_000_000)),
    );
    const full = await inboundBytes(cluster);
    expect(full).toBeGreaterThan(3_000_000);
    expect(full).toBeLessThanOrEqual(16 * MIB);
    expect(await post(cluster, "x".repeat(2_900_000))).toEqual({ status: 503, code: "overloaded" });
    expect(await post(cluster, directive({ text: "hello" }))).toMatchObject({ status: 202 });
    // All that was sent is 172 MiB.
    expect(memoryOf(cluster) - before).toBeLessThan(110 * MIB);
    for (const socket of sockets) socket.destroy();
    await eventually("nothing is kept", async () => (await inboundBytes(cluster)) === 0);
    expect(await post(cluster, directive({ text: "hello" }))).toMatchObject({ status: 202 });
  });
});

describe("floods of bad frames", () => {
  test("end with 1008, whatever the protocol, and others notice nothing", async ({ start }) => {
    const cluster = await start();
    const user = await V1Client.connect(cluster.url());
    const flood = async () => {
      const client = await V1Client.connect(cluster.url());
      for (let sent = 0; sent < 5_000; sent += 1) client.send("{");
      await eventually("the close", () => client.closed);
      return client.closed?.code;
    };
    const codes = Promise.all(Array.from({ length: 8 }, flood));
    const { terminal, firstTextMs } = await user.ask(directive({ text: "still here" }), "zhipu");
    expect(terminal.type).toBe("done");
    expect(firstTextMs).toBeLessThan(boundMs({ promised: 1_000, fault: 5_000 }));
    expect(await codes).toEqual(Array.from({ length: 8 }, () => 1008));

    const v2 = await V2Client.connect(cluster.url());
    for (let sent = 0; sent < 200; sent += 1) v2.send({ type: "walk" } as never);
    await eventually("the close", () => v2.closed);
    expect(v2.closed?.code).toBe(1008);
    expect((await cluster.scrape("edge")).sum("openclaw_rude_connections_total")).toBe(9);
    expect((await user.ask(directive({ text: "once more" }), "zhipu")).text).toBe("once more");
  });

  test("a client that makes a mistake now and then goes on", async ({ start }) => {
    const client = await V1Client.connect((await start()).url());
    for (let mistakes = 0; mistakes < 50; mistakes += 1) {
      client.send("{");
      expect((await client.reply()).terminal).toMatchObject({ code: "invalid_json" });
    }
    expect((await client.ask(directive({ text: "right" }), "zhipu")).text).toBe("right");
  });
});

test("buffers of long frames are given back: the idle clients that sent them have to come anew", async ({
  start,
}) => {
  // It is never less than three of the longest bodies: 9.4 MB.
  const cluster = await start({ EDGE_INBOUND_BYTES: String(MIB) });
  const clients = await Promise.all(
    Array.from({ length: 12 }, () => V2Client.connect(cluster.url())),
  );
  for (const client of clients) client.send({ type: "ping", pad: "x".repeat(1_000_000) });
  const sentAway = () => clients.filter(({ closed }) => closed?.code === 4001).length;
  // Nine fit. They go until half of that is left, or of what had come by then.
  await eventually("some are sent away", () => sentAway() >= 3, { withinMs: 20_000 });
  expect(clients.filter(({ closed }) => closed === undefined).length).toBeGreaterThanOrEqual(4);
});

test("prompts on the queue: long ones are refused before Redis is full, short ones are answered", async ({
  start,
}) => {
  const cluster = await start({ EDGE_QUEUED_BYTES: String(2 * MIB) });
  const user = await V1Client.connect(cluster.url());
  // No worker takes them meanwhile.
  const [worker] = cluster.running("worker");
  worker?.process.kill("SIGSTOP");
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => post(cluster, "x".repeat(500_000))),
  );
  worker?.process.kill("SIGCONT");
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(4);
  expect(answers.filter(({ code }) => code === "overloaded")).toHaveLength(8);
  const { terminal } = await user.ask(directive({ text: "short" }), "zhipu");
  expect(terminal.type).toBe("done");
  await eventually("all of them over", async () => {
    return (await cluster.scrape("edge")).sum("openclaw_prompt_bytes") === 0;
  });
  expect(await post(cluster, "x".repeat(500_000))).toMatchObject({ status: 202 });
});
