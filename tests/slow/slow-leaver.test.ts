/** An edge that stops while a client is behind with reading: what was written for it is not cut off. */
import { once } from "node:events";
import { Cluster, eventually } from "@openclaw/testing";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { FireHose } from "./fire-hose.ts";
import { LongReader } from "./long-reader.ts";

/** 3.5 MB, more than the kernels of both sides take of a connection that nobody reads. */
const LONG = { pieces: 220, gapMs: 2 };

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
  reader.ask({ id: "a", ...LONG }, "long");
  await eventually("a full connection", async () => (await bufferedBytes()) > 0);
  const exited = once(edge.process, "exit");
  edge.process.kill("SIGTERM");
  await eventually("the drain", () => edge.logs.some(({ msg }) => msg === "draining"));
  reader.resume();
  await exited;
  await eventually("the close", () => reader.fault !== undefined);
  expect([reader.isDone, reader.fault]).toEqual([true, "closed with 1012"]);
});
