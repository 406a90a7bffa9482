/** Protocol v2 through a whole cluster, edges and workers dying included. */
import {
  answerFor,
  directive,
  INSTANT,
  piecesFor,
  profilesAt,
  type Simulator,
} from "@openclaw/simulator";
import { Cluster, eventually, FaultyRedis, V2Client, type V2Run } from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { hashOf, SESSION_KEY } from "./session-names.ts";
import { SHIPPED_NAMES, simulatedGateway, startSimulator } from "./simulated-gateway.ts";

let simulator: Simulator;
let cluster: Cluster;
const clients: V2Client[] = [];

beforeEach(async () => {
  simulator = await startSimulator(profilesAt(INSTANT));
});

afterEach(async () => {
  for (const client of clients) client.close();
  const faults = clients.splice(0).flatMap((client) => client.faults);
  await cluster?.stop();
  await simulator?.stop();
  expect(faults).toEqual([]);
});

async function start(
  options: {
    edges?: number;
    workers?: number;
    env?: Record<string, string>;
    redisUrl?: string;
  } = {},
) {
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url),
    edges: 1,
    workers: 1,
    ...options,
    env: { ...SESSION_KEY, ...options.env },
  });
}

async function connect(session?: string): Promise<V2Client> {
  // The kernel may hand a connection to an edge that is just dying; a client that comes back tries again.
  const client = await eventually("a connection", () =>
    V2Client.connect(cluster.url(session)).catch(() => undefined),
  );
  clients.push(client);
  return client;
}

async function expectWhole(client: V2Client, run: V2Run, prompt: string, profile = "zhipu") {
  const end = await client.end(run);
  expect(end).toMatchObject({ type: "done", finish: "stop" });
  expect(run.text).toBe(answerFor({ prompt, profile }));
  expect(run.terminals).toHaveLength(1);
}

const SLOW = directive({ words: 60, gapMs: 30 });
const beganToSpeak = (run: V2Run) => eventually("some text", () => run.text.length > 20);

test("many runs on one socket, each whole, in order, with its timings", async () => {
  await start({ edges: 2, workers: 2 });
  const client = await connect("my-session");
  expect(client.session).toBe("my-session");
  const asked = Array.from({ length: 24 }, (_, index) => ({
    prompt: index % 2 ? `question ${index}` : `第${index}个问题`,
    profile: SHIPPED_NAMES[index % SHIPPED_NAMES.length] ?? "zhipu",
  }));
  const runs = await Promise.all(asked.map(({ prompt, profile }) => client.run(prompt, profile)));
  for (const [index, run] of runs.entries()) {
    const { prompt = "", profile } = asked[index] ?? {};
    await expectWhole(client, run, prompt, profile);
  }
  const [done] = client.all("done");
  expect(done?.usage).toMatchObject({ outputTokens: expect.any(Number) });
  expect(done?.timings.firstTextMs).toBeLessThanOrEqual(done?.timings.totalMs ?? 0);
  expect(
    client
      .all("started")
      .map(({ run }) => run)
      .sort(),
  ).toEqual(runs.map(({ id }) => id).sort());
});

test("reasoning comes in frames of its own; a conversation may hold many messages", async () => {
  await start();
  const client = await connect();
  const last = directive({ reasoning: ["let me ", "think"], text: "yes" });
  client.send({
    type: "run",
    ref: "a",
    provider: "nvidia1",
    messages: [
      { role: "system", content: "be brief" },
      { role: "user", content: last },
    ],
  });
  const { run } = await client.next("accepted");
  await client.next("done");
  expect(client.runs.get(run)?.text).toBe("yes");
  expect(
    client
      .all("reasoning")
      .map(({ text }) => text)
      .join(""),
  ).toBe("let me think");
});

test("a conversation as long as the limit that is announced is answered", async () => {
  const prompt = "a line of it\n".repeat(400_000);
  await start({ env: { EDGE_MAX_CONVERSATION_BYTES: String(prompt.length) } });
  const client = await connect();
  expect(client.all("ready")[0]?.limits.maxMessageBytes).toBe(5_200_000);
  await expectWhole(client, await client.run(prompt, "zhipu"), prompt);
});

test("refusals name the request they are about, and harm no other run", async () => {
  await start({ env: { EDGE_MAX_RUNS_PER_CONNECTION: "2" } });
  const client = await connect();
  const run = await client.run(SLOW, "zhipu");
  client.send({ type: "run", ref: "x", message: "hi", provider: "nosuch" });
  client.send({ type: "run", ref: "y" });
  client.send({ type: "cancel", run: "nosuch" });
  const second = await client.run(SLOW, "zhipu");
  client.send({ type: "run", ref: "z", message: "hi" });
  await eventually("four refusals", () => client.all("error").length === 4);
  const refusals = client.all("error").map(({ ref, run: about, code }) => [ref ?? about, code]);
  expect(refusals.toSorted()).toEqual([
    // Whether it exists is asked of Redis; and an error that named it would be its end.
    [undefined, "unknown_run"],
    ["x", "unknown_provider"],
    ["y", "invalid_request"],
    ["z", "too_many_runs"],
  ]);
  await expectWhole(client, run, SLOW);
  await expectWhole(client, second, SLOW);
});

test("cancel ends one run at once, closes its upstream, and leaves the others", async () => {
  await start();
  const client = await connect();
  const [stopped, other] = [await client.run(SLOW, "zhipu"), await client.run(SLOW, "hunyuan")];
  await beganToSpeak(stopped);
  client.send({ type: "cancel", run: stopped.id });
  expect(await client.end(stopped, 500)).toEqual({ type: "cancelled", run: stopped.id });
  await eventually("the upstream to close", () => simulator.stats().total.aborted === 1, {
    withinMs: 500,
  });
  await expectWhole(client, other, SLOW, "hunyuan");
});

describe("coming back", () => {
  test("kill -9 of the edge: resumed on the other at the position, whole, within a second", async () => {
    await start({ edges: 2, workers: 1 });
    const client = await connect("traveller");
    // Longer than it takes to find the edge that holds the socket.
    const lasting = directive({ words: 120, gapMs: 50 });
    const runs = await Promise.all([client.run(lasting, "zhipu"), client.run(lasting, "zhipu")]);
    for (const run of runs) await beganToSpeak(run);
    // Which of the two holds the socket is the kernel's choice: the death of that edge closes it.
    for (const { process } of cluster.processes("edge")) {
      process.kill("SIGKILL");
      const died = await eventually("the socket", () => client.closed !== undefined, {
        withinMs: 200,
      }).catch(() => false);
      if (died) break;
      await cluster.add("edge");
    }
    const again = await connect("traveller");
    const cameBackAt = performance.now();
    for (const run of runs) {
      const before = run.text.length;
      expect(await again.resume(run)).toMatchObject({ outcome: "replayed" });
      await eventually("more text", () => run.text.length > before);
    }
    // A reader that is told of nothing reads its log again after 2 s.
    expect(performance.now() - cameBackAt).toBeLessThan(2_000);
    for (const run of runs) await expectWhole(again, run, lasting);
  });

  test("twenty times in a row, with and without new text in between", async () => {
    await start({ edges: 2, workers: 1 });
    let client = await connect("restless");
    const run = await client.run(directive({ words: 60, gapMs: 50 }), "zhipu");
    for (let round = 0; round < 20; round += 1) {
      if (round % 3 === 0) {
        const before = run.text.length;
        await eventually("more text", () => run.text.length > before || run.terminals.length > 0);
      }
      client.terminate();
      client = await connect("restless");
      expect((await client.resume(run)).outcome).toMatch(/replayed|complete/);
    }
    await expectWhole(client, run, directive({ words: 60, gapMs: 50 }));
  });

  test("asked for twice at once: one reader, every piece once", async () => {
    // Of its own, since it stands still for all its users.
    const faulty = await FaultyRedis.start();
    onTestFinished(() => faulty.stop());
    await start({ redisUrl: faulty.directUrl });
    const client = await connect("eager");
    const run = await client.run(SLOW, "zhipu");
    await beganToSpeak(run);
    client.terminate();
    const again = await connect("eager");
    // So that the second comes while the first is still being worked on.
    const redis = new Redis(faulty.directUrl);
    await redis.call("CLIENT", "PAUSE", "300", "ALL");
    redis.disconnect();
    again.send({ type: "resume", run: run.id, after: run.at });
    again.send({ type: "resume", run: run.id, after: run.at });
    again.runs.set(run.id, run);
    await eventually("both to be answered", () => again.all("resumed").length === 2);
    expect(again.all("resumed").map(({ outcome, reason }) => reason ?? outcome)).toEqual(
      expect.arrayContaining(["replayed", "already_resuming"]),
    );
    await expectWhole(again, run, SLOW);
  });

  test("after the end: the rest, then the end", async () => {
    await start();
    const client = await connect("late");
    const run = await client.run(SLOW, "zhipu");
    await beganToSpeak(run);
    client.terminate();
    await eventually("the run to end", () => cluster.logs("edge", "run finished").length === 1);
    const again = await connect("late");
    expect(await again.resume(run)).toMatchObject({ outcome: "complete" });
    await expectWhole(again, run, SLOW);
  });

  test("two readers of one run get the same", async () => {
    await start();
    const [one, two] = [await connect("shared"), await connect("shared")];
    const run = await one.run(SLOW, "zhipu");
    const copy: V2Run = {
      id: run.id,
      text: "",
      at: { epoch: 0, seq: 0 },
      restarts: 0,
      heardAt: 0,
      terminals: [],
    };
    await two.resume(copy);
    await expectWhole(one, run, SLOW);
    await expectWhole(two, copy, SLOW);
  });

  test("is refused to another session, to an unknown run, and from a position nobody wrote", async () => {
    await start();
    const [mine, other] = [await connect("mine"), await connect("other")];
    const run = await mine.run(SLOW, "zhipu");
    await beganToSpeak(run);
    const copy = (at: V2Run["at"], id = run.id): V2Run => ({
      id,
      text: "",
      at,
      restarts: 0,
      heardAt: 0,
      terminals: [],
    });
    const refused = (reason: string) => ({ outcome: "not_resumable", reason });
    expect(await other.resume(copy({ epoch: 0, seq: 0 }))).toMatchObject(refused("unknown_run"));
    expect(await mine.resume(copy({ epoch: 0, seq: 0 }, "nosuch"))).toMatchObject(
      refused("unknown_run"),
    );
    // While it goes on, a later attempt may be ahead of what Redis has lost.
    const again = await connect("mine");
    const ahead = copy({ epoch: 2 ** 40, seq: 9 });
    expect(await again.resume(ahead)).toMatchObject(refused("unavailable"));
    await expectWhole(mine, run, SLOW);
    expect(await again.resume(ahead)).toMatchObject(refused("unknown_position"));
  });

  test("not within the grace period: the run is cancelled, its upstream closed, its job gone", async () => {
    await start({ env: { EDGE_RESUME_GRACE_MS: "700" } });
    const client = await connect("gone");
    const run = await client.run(directive({ words: 300, gapMs: 50 }), "zhipu");
    await beganToSpeak(run);
    client.terminate();
    await eventually("the upstream to close", () => simulator.stats().total.aborted === 1, {
      withinMs: 2_000,
    });
    const again = await connect("gone");
    expect(await again.resume(run)).toMatchObject({ outcome: "complete" });
    expect(await again.end(run)).toEqual({ type: "cancelled", run: run.id });
  });
});

test("the provider is asked with the options of the run, in its own words", async () => {
  await simulator.stop();
  const asked: Record<string, unknown>[] = [];
  simulator = await startSimulator(profilesAt(INSTANT), {
    onChat: (_, body) => asked.push(JSON.parse(body)),
  });
  await start();
  const client = await connect();
  const options = { temperature: 1.5, topP: 0.5, maxTokens: 12, stop: ["END"] };
  const run = await client.run("Tell me about rivers", "zhipu", { options });
  expect(await client.end(run)).toMatchObject({ type: "done", finish: "length" });
  const sent = { temperature: 1, top_p: 0.5, max_tokens: 12, stop: ["END"] };
  expect(asked).toMatchObject([sent]);
  await client.end(await client.run("Tell me about rivers", "hunyuan", { options }));
  expect(asked[1]).toMatchObject({ ...sent, temperature: 1.5 });
  await client.end(await client.run("Tell me about rivers", "nvidia1"));
  for (const name of Object.keys(sent)) expect(asked[2]).not.toHaveProperty(name);
});

test("a run for another session is resumed by that one, and by its own connection", async () => {
  await start({ edges: 2 });
  const [backend, user] = [await connect("backend"), await connect("user-7")];
  // It falls silent, so that nothing is on its way while it is resumed.
  const prompt = directive({ words: 30, stallAfter: 10 });
  const said = piecesFor(answerFor({ prompt, profile: "zhipu" }))
    .slice(0, 10)
    .join("");
  const run = await backend.run(prompt, "zhipu", { session: "user-7" });
  await eventually("its ten pieces", () => run.text === said);
  const copy: V2Run = { ...run, text: "", at: { epoch: 0, seq: 0 }, terminals: [] };
  expect(await user.resume(copy)).toMatchObject({ outcome: "replayed" });
  await eventually("them once more", () => copy.text === said);
  expect(await backend.resume(run)).toMatchObject({ outcome: "replayed" });
  const stranger = await connect("user-8");
  expect(await stranger.resume({ ...copy, terminals: [] })).toMatchObject({
    outcome: "not_resumable",
    reason: "unknown_run",
  });
  backend.send({ type: "cancel", run: run.id });
  for (const [client, one] of [[backend, run] as const, [user, copy] as const]) {
    expect(await client.end(one)).toEqual({ type: "cancelled", run: run.id });
    expect(one.text).toBe(said);
  }
  await eventually("its line in the log", () =>
    cluster
      .logs("edge", "run finished")
      .some(({ sessionHash }) => sessionHash === hashOf("user-7")),
  );
});
