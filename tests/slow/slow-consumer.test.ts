/** A client that speaks but does not read: closed in time, and served the rest when it comes back. */
import { Cluster, eventually, V2Client } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { FireHose, type LongAnswer, pieceOf } from "./fire-hose.ts";

const SLOW_CONSUMER_MS = 2_000;
/**
 * More than the sockets' own buffers take, in answers that fit their logs. It lasts for four seconds, so that most of it
 * is still to come when the client stops reading.
 */
const ANSWERS: readonly LongAnswer[] = ["a", "b", "c", "d"].map((id) => ({
  id,
  pieces: 200,
  gapMs: 20,
}));

let hose: FireHose;
let cluster: Cluster;

beforeEach(async () => {
  hose = await FireHose.start();
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: { providers: { hose: { kind: "openai", baseUrl: hose.url, model: "m" } } },
    edges: 1,
    workers: 1,
    env: { EDGE_SLOW_CONSUMER_MS: String(SLOW_CONSUMER_MS) },
  });
});

afterEach(async () => {
  await cluster?.stop();
  await hose?.stop();
});

test("is closed with 4008 although it pings, resumes, and has every byte", async () => {
  const client = await V2Client.connect(cluster.url("dozing"));
  const runs = await Promise.all(
    ANSWERS.map((answer) => client.run(JSON.stringify(answer), "hose")),
  );
  await eventually("text", () => runs.every(({ text }) => text !== ""));
  client.pause();
  const pinging = setInterval(() => client.send({ type: "ping" }), 200);
  const connections = async () => {
    const { connections } = (await (await fetch(`http://${cluster.host}/stats`)).json()) as {
      connections: number;
    };
    return connections;
  };
  await eventually("the connection to be noticed", async () => (await connections()) === 1);
  await eventually("the close", async () => (await connections()) === 0, { withinMs: 15_000 });
  clearInterval(pinging);
  client.resumeReading();
  await eventually("the code", () => client.closed?.code === 4008, { withinMs: 15_000 });
  const again = await V2Client.connect(cluster.url("dozing"));
  const open = runs.filter(({ terminals }) => terminals.length === 0);
  for (const run of open) await again.resume(run);
  for (const [index, run] of runs.entries()) {
    expect(await again.end(run, 60_000)).toMatchObject({ type: "done" });
    const answer = ANSWERS[index];
    if (!answer) throw new Error("unreachable");
    const whole = Array.from({ length: answer.pieces }, (_, piece) => pieceOf(answer, piece));
    expect(run.text === whole.join("")).toBe(true);
  }
  expect([...client.faults, ...again.faults]).toEqual([]);
  const seen = await cluster.scrape("edge");
  expect(seen.sum("openclaw_slow_consumers_total")).toBe(1);
  expect(seen.sum("openclaw_resumes_total")).toBe(open.length);
  again.close();
});
