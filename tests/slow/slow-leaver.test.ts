/** An edge that stops while a client is behind with reading: what was written for it is not cut off. */
import { once } from "node:events";
import { Cluster, eventually } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { FireHose } from "./fire-hose.ts";
import { LongReader } from "./long-reader.ts";

/** The kernels of both sides take so much of an unread connection, and somewhat more. */
const LONG = { pieces: 120, gapMs: 0 };
/** One piece of the many that are then asked for, until the edge itself is left with the last of them. */
const SHORT = { pieces: 1, gapMs: 0 };
const MOST_ASKED = 400;

let hose: FireHose;
let cluster: Cluster;

beforeAll(async () => {
  hose = await FireHose.start();
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: { providers: { long: { kind: "openai", baseUrl: hose.url, model: "m" } } },
    edges: 1,
    workers: 1,
  });
});

afterAll(async () => {
  await cluster?.stop();
  await hose?.stop();
});

test("a v1 client that reads late has its answers whole, and is sent away behind them", async () => {
  const [edge] = cluster.running("edge");
  if (!edge) throw new Error("unreachable");
  const bufferedBytes = async () => {
    const metrics = await (await fetch(edge.admin("/metrics"))).text();
    return Number(/^openclaw_buffered_bytes\S* (\d+)/m.exec(metrics)?.[1]);
  };
  const reader = await LongReader.connect(cluster.url(), "v1");
  reader.pause();
  for (let asked = 0; asked < MOST_ASKED && (await bufferedBytes()) === 0; asked += 1) {
    reader.ask({ id: `answer ${asked}`, ...(asked === 0 ? LONG : SHORT) }, "long");
    const finished = () => cluster.logs("edge", "run finished").length > asked;
    await eventually("its end", finished, { withinMs: 10_000 });
  }
  expect(await bufferedBytes()).toBeGreaterThan(0);
  const exited = once(edge.process, "exit");
  edge.process.kill("SIGTERM");
  await eventually("the drain", () => edge.logs.some(({ msg }) => msg === "draining"));
  // As long as an edge needs to be gone that does not wait.
  await new Promise((resolve) => setTimeout(resolve, 500));
  reader.resume();
  await exited;
  await eventually("the close", () => reader.fault !== undefined);
  expect([reader.isDone, reader.fault]).toEqual([true, "closed with 1012"]);
});
