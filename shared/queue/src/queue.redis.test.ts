import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { createBlockingConnection, createLogger, type Logger } from "@openclaw/runtime";
import {
  createRedisFixture,
  eventually,
  type RedisFixture,
  setClockBack,
  TcpProxy,
} from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from "vitest";
import { QueueLimits } from "./queue-limits.ts";
import {
  RunIntake,
  RunPostponedError,
  RunReleasedError,
  type UnreadableJob,
} from "./run-intake.ts";
import type { RunJob } from "./run-job.ts";
import { RunQueues, rateOf } from "./run-queues.ts";

const silent = createLogger({ service: "test", level: "silent" });

let fixture: RedisFixture;
let queues: RunQueues;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
  queues = new RunQueues({
    redis: fixture.commands,
    keyPrefix: fixture.prefix,
    providers: () => ["a", "b"],
  });
  await queues.start();
});

afterEach(async () => {
  const atWork = async () => (await queues.counts("a")).active + (await queues.counts("b")).active;
  await eventually("nothing at work", async () => (await atWork()) === 0);
  for (const stop of stops.splice(0).reverse()) await stop();
  // A run that was just being taken when its intake stopped was given back.
  for (const runId of await queues.waiting("a")) await queues.remove("a", runId);
  await queues.stop();
  await fixture.close();
});

interface IntakeOptions {
  readonly concurrency?: number;
  readonly log?: Logger;
  readonly url?: string;
  readonly onUnreadable?: (job: UnreadableJob) => Promise<void>;
  readonly onClockSetBack?: (runIds: readonly string[]) => Promise<void>;
}

const ignore = async () => undefined;

async function startIntake(
  provider: string,
  onRun: (job: RunJob) => Promise<void>,
  {
    concurrency = 10,
    log = silent,
    url = fixture.url,
    onUnreadable = ignore,
    ...more
  }: IntakeOptions = {},
): Promise<RunIntake> {
  const redis = createBlockingConnection({ url, name: "test:intake", log });
  await redis.connect();
  const intake = new RunIntake({
    redis,
    keyPrefix: fixture.prefix,
    provider,
    concurrency,
    log,
    onRun,
    onUnreadable,
    ...more,
  });
  await intake.start();
  stops.push(async () => {
    await intake.stop();
    redis.disconnect();
  });
  return intake;
}

function job(provider: string, runId: string = randomUUID()): RunJob {
  return {
    runId,
    provider,
    session: "s",
    messages: [{ role: "user", content: "hello" }],
    fallback: [],
  };
}

test("a run reaches a worker of its provider, whole and once, even if it is added twice", async () => {
  const [a, b]: [RunJob[], RunJob[]] = [[], []];
  await startIntake("a", async (run) => void a.push(run));
  await startIntake("b", async (run) => void b.push(run));
  const run = { ...job("a"), options: { temperature: 0, stop: ["END"] }, anew: true };
  await queues.add(run);
  await queues.add(run);
  await queues.add(job("b"));
  await eventually("both", () => a.length === 1 && b.length === 1);
  expect(a).toEqual([run]);
});

test("the limit of a provider holds over two workers, and every run is worked on", async () => {
  await queues.limitConcurrency("a", 3);
  let [active, most, done] = [0, 0, 0];
  const onRun = async () => {
    active += 1;
    most = Math.max(most, active);
    await new Promise((resolve) => setTimeout(resolve, 5));
    active -= 1;
    done += 1;
  };
  await startIntake("a", onRun);
  await startIntake("a", onRun);
  await Promise.all(Array.from({ length: 60 }, () => queues.add(job("a"))));
  await eventually("all runs", () => done === 60);
  expect(most).toBe(3);
});

describe("an account that complains", () => {
  const RESTS: (readonly [string, number])[] = [];

  async function startLimits(rpm?: number): Promise<QueueLimits> {
    const limits = new QueueLimits({
      redis: fixture.commands,
      keyPrefix: fixture.prefix,
      queues,
      limits: () => ({ a: { maxConcurrency: 10, rpm } }),
      onRest: (...rest) => void RESTS.push(rest),
      log: silent,
    });
    await limits.start();
    stops.push(() => limits.stop());
    RESTS.length = 0;
    return limits;
  }

  const limitNow = async () => (await queues.limitOf("a")).maxConcurrency;

  test("that complains now and then keeps some of its limit", async () => {
    const limits = await startLimits();
    for (let n = 0; n < 12; n += 1) {
      await limits.slowDown("a", undefined);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    // Three times lowered, of nothing at work even, and raised by one every second.
    await eventually("some of it", async () => ((await limitNow()) ?? 0) >= 2, { withinMs: 500 });
  });

  test("is asked for half of what is at work, once for all complaints of a moment, and for more later", async () => {
    const limits = await startLimits();
    expect(await limitNow()).toBe(10);
    let release: () => void = () => undefined;
    const working = new Promise<void>((resolve) => {
      release = resolve;
    });
    await startIntake("a", () => working);
    await Promise.all(Array.from({ length: 10 }, () => queues.add(job("a"))));
    await eventually("work", async () => (await queues.counts("a")).active >= 8);
    await Promise.all(Array.from({ length: 5 }, () => limits.slowDown("a", 100)));
    const lowered = await limitNow();
    expect(lowered).toBeLessThanOrEqual(5);
    expect(lowered).toBeGreaterThanOrEqual(4);
    await eventually("word of it", () => (limits.inForce("a") ?? 10) < 10, { withinMs: 2_000 });
    release();
    await eventually("the first raise", async () => ((await limitNow()) ?? 0) > (lowered ?? 0), {
      withinMs: 8_000,
    });
  });

  test("is left alone by every worker for as long as the longest complaint says", async () => {
    const limits = await startLimits();
    await limits.slowDown("a", 30_000);
    // Without a word about time, and right behind the other.
    await limits.slowDown("a", 500);
    await eventually("news of it", () => RESTS.length > 0);
    const [provider, forMs = 0] = RESTS[0] ?? [];
    expect([provider, forMs > 25_000, forMs <= 30_000]).toEqual(["a", true, true]);
  });

  test("keeps its runs a minute: complaints do not begin the count anew", async () => {
    const limits = await startLimits(60);
    const begun: number[] = [];
    await startIntake("a", async () => void begun.push(performance.now()));
    for (let n = 0; n < 20; n += 1) await queues.add(job("a"));
    const complaining = setInterval(() => void limits.slowDown("a", 500), 300);
    stops.push(async () => clearInterval(complaining));
    await eventually("a first window", () => begun.length >= 4);
    await eventually("a second one", () => begun.length >= 5, { withinMs: 10_000 });
    // 60 a minute are 4 in 5 s.
    expect((begun[4] ?? 0) - (begun[0] ?? 0)).toBeGreaterThan(4_000);
  });
});

describe("a rate keeps any minute within the limit", () => {
  test.each([
    [1, { max: 1, durationMs: 60_000 }],
    [20, { max: 1, durationMs: 3_000 }],
    [40, { max: 3, durationMs: 5_000 }],
    [600, { max: 46, durationMs: 5_000 }],
  ])("%i", (rpm, rate) => {
    expect(rateOf(rpm)).toEqual(rate);
    // Windows begin with their first run: so many of them can touch one minute.
    const windows = rate.max === 1 ? 60_000 / rate.durationMs : 60_000 / rate.durationMs + 1;
    expect(windows * rate.max).toBeLessThanOrEqual(rpm);
  });

  test("none where there is no limit", () => {
    expect(rateOf(undefined)).toBeUndefined();
  });
});

test("a run whose worker vanished is taken by another within 6 s", async () => {
  let taken = 0;
  const lost = await startIntake("a", () => {
    taken += 1;
    return new Promise(() => undefined);
  });
  await queues.add(job("a"));
  await eventually("the first worker to take it", () => taken === 1);
  await lost.stop();
  const rescued: RunJob[] = [];
  await startIntake("a", async (run) => void rescued.push(run));
  await eventually("the second worker to take it", () => rescued.length === 1, { withinMs: 6_000 });
});

test("a run whose worker vanished while the clock of Redis was set back a minute is taken no later", async () => {
  const taken: string[] = [];
  const lost = await startIntake("a", ({ runId }) => {
    taken.push(runId);
    return new Promise(() => undefined);
  });
  await queues.add(job("a"));
  await eventually("the first worker to take it", () => taken.length === 1);
  const setBack: string[] = [];
  const rescued: RunJob[] = [];
  await startIntake("a", async (run) => void rescued.push(run), {
    onClockSetBack: async (runIds) => void setBack.push(...runIds),
  });
  const mark = `${fixture.prefix}{queue-a}:runs:clock`;
  await eventually("a look at the clock", () => fixture.commands.exists(mark));
  await lost.stop();
  await setClockBack(fixture.commands, fixture.prefix, 60_000);
  await eventually("the second worker to take it", () => rescued.length === 1);
  expect(setBack).toEqual(taken);
});

test("a removed run is not worked on, and counts say what waits", async () => {
  const run = job("a");
  await queues.add(run);
  expect(await queues.counts("a")).toEqual({ waiting: 1, active: 0 });
  await queues.remove("a", run.runId);
  expect(await queues.counts("a")).toEqual({ waiting: 0, active: 0 });
});

test("a provider that is not known here has a queue all the same, for runs that come and go", async () => {
  expect([queues.has("a"), queues.has("new")]).toEqual([true, false]);
  const run = job("new");
  await queues.add(run);
  expect(await queues.waiting("new")).toEqual([run.runId]);
  await queues.remove("new", run.runId);
  expect(await queues.counts("new")).toEqual({ waiting: 0, active: 0 });
});

test("says which runs wait, the next to go first", async () => {
  const ids: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const run = job("a");
    ids.push(run.runId);
    await queues.add(run);
  }
  expect(await queues.waiting("a")).toEqual(ids);
  const taken: string[] = [];
  await startIntake("a", async ({ runId }) => void taken.push(runId), { concurrency: 1 });
  await eventually("all taken", () => taken.length === 3);
  expect(taken).toEqual(ids);
});

test("a worker that throws is offered the run again", async () => {
  let tries = 0;
  await startIntake("a", async () => {
    tries += 1;
    if (tries === 1) throw new Error("redis was away");
  });
  await queues.add(job("a"));
  await eventually("the second try", () => tries === 2);
});

/**
 * Looks on at every command, from now to the end of the test. By a plain socket: ioredis takes what a busy Redis tells at
 * once for replies.
 */
async function monitor(onCommand: (words: readonly string[]) => void): Promise<void> {
  const { hostname, port } = new URL(fixture.url);
  const socket = connect(Number(port), hostname);
  stops.push(async () => void socket.destroy());
  const lines = createInterface(socket);
  const begun = once(lines, "line");
  socket.write("MONITOR\r\n");
  await begun;
  lines.on("line", (line) => {
    const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = ""]) => word);
    onCommand([words[0]?.toLowerCase() ?? "", ...words.slice(1)]);
  });
}

test("a postponed run is offered again on time, and meanwhile no read blocks for longer than half a second", async () => {
  const blockedForS: number[] = [];
  await monitor(([command, key, timeoutS]) => {
    if (command === "bzpopmin" && key?.startsWith(fixture.prefix)) {
      blockedForS.push(Number(timeoutS));
    }
  });
  const offeredAt: number[] = [];
  await startIntake("a", async ({ runId }) => {
    offeredAt.push(performance.now());
    if (offeredAt.length === 1) throw new RunPostponedError(runId, 2_000);
  });
  await queues.add(job("a"));
  await eventually("the second offer", () => offeredAt.length === 2);
  const [first = 0, second = 0] = offeredAt;
  expect(second - first).toBeGreaterThan(1_950);
  // BullMQ's own read blocks for 10 s.
  expect(second - first).toBeLessThan(8_000);
  expect(blockedForS.length).toBeGreaterThan(3);
  expect(Math.max(...blockedForS)).toBe(0.5);
});

test("a released run is offered again at once, before those that wait, however often", async () => {
  const offered: string[] = [];
  const released = job("a");
  const behind = job("a");
  const times = 25;
  const onRun = async ({ runId }: RunJob) => {
    if (offered.push(runId) === 1) await queues.add(behind);
    if (runId === released.runId && offered.length <= times) throw new RunReleasedError(runId);
  };
  await queues.add(released);
  await startIntake("a", onRun, { concurrency: 1 });
  await eventually("the run behind it", () => offered.includes(behind.runId));
  const { runId } = released;
  expect(offered).toEqual([...Array(times + 1).fill(runId), behind.runId]);
});

test("draining lets the run at work finish and takes no other", async () => {
  let finish: () => void = () => undefined;
  const taken: string[] = [];
  const intake = await startIntake(
    "a",
    (run) => {
      taken.push(run.runId);
      return new Promise((resolve) => {
        finish = resolve;
      });
    },
    { concurrency: 1 },
  );
  await queues.add(job("a"));
  await eventually("the run at work", () => taken.length === 1);
  const drained = intake.drain(AbortSignal.timeout(5_000));
  const late = job("a");
  await queues.add(late);
  finish();
  await drained;
  expect(taken).toHaveLength(1);
  await queues.remove("a", late.runId);
});

describe("a worker that leaves", () => {
  /** An intake whose connections lead through a network of its own. */
  async function startAfar(onRun: (job: RunJob) => Promise<void>) {
    const { hostname: host, port } = new URL(fixture.url);
    const network = await TcpProxy.start({ host, port: Number(port) });
    stops.push(() => network.stop());
    const url = `redis://127.0.0.1:${network.port}`;
    return { network, intake: await startIntake("a", onRun, { url }) };
  }

  test("has what became of runs that were just ending written, each with its own", async () => {
    let end: () => void = () => undefined;
    const ending = new Promise<void>((resolve) => {
      end = resolve;
    });
    const handedBack = job("a");
    let atWork = 0;
    const intake = await startIntake("a", async ({ runId }) => {
      atWork += 1;
      await ending;
      if (runId === handedBack.runId) throw new Error("handed back");
    });
    await Promise.all([handedBack, job("a"), job("a"), job("a")].map((run) => queues.add(run)));
    await eventually("all at work", () => atWork === 4);
    end();
    await intake.stop();
    expect(await queues.counts("a")).toEqual({ waiting: 1, active: 0 });
    await queues.remove("a", handedBack.runId);
  });

  test("gives a run back that reaches it when it has begun to leave", async () => {
    const taken: RunJob[] = [];
    const { network, intake } = await startAfar(async (run) => void taken.push(run));
    await queues.add(job("a"));
    await eventually("a first run", () => taken.length === 1);
    network.latencyMs = 100;
    const late = job("a");
    await queues.add(late);
    await eventually("it to be taken", async () => (await queues.counts("a")).active === 1);
    await intake.drain(AbortSignal.timeout(5_000));
    await intake.stop();
    expect(await queues.counts("a")).toEqual({ waiting: 1, active: 0 });
    expect(taken).toHaveLength(1);
    await queues.remove("a", late.runId);
  });

  test("waits for half a second at most for a Redis that says nothing", async () => {
    let end: (() => void) | undefined;
    const { network, intake } = await startAfar(
      () =>
        new Promise((resolve) => {
          end = resolve;
        }),
    );
    await queues.add(job("a"));
    const finish = await eventually("a run", () => end);
    network.silence();
    finish();
    const leftAt = performance.now();
    await intake.drain(AbortSignal.timeout(5_000));
    await intake.stop();
    expect(performance.now() - leftAt).toBeLessThan(2_500);
    const rescued: RunJob[] = [];
    await startIntake("a", async (run) => void rescued.push(run));
    await eventually("another to take it", () => rescued.length === 1, { withinMs: 6_000 });
  });
});

test("a run offered again to the process that works on it is joined, not started twice", async () => {
  let starts = 0;
  let finish: () => void = () => undefined;
  const said: string[] = [];
  const onRun = () => {
    starts += 1;
    return new Promise<void>((resolve) => {
      finish = resolve;
    });
  };
  const destination = { write: (line: string) => void said.push(line) };
  const log = createLogger({ service: "test", level: "info" }, destination);
  await startIntake("a", onRun, { log });
  const run = job("a");
  await queues.add(run);
  await eventually("the start", () => starts === 1);
  // The lease is lost, as after a process that stood still for too long.
  const [lock] = await fixture.commands.keys(`${fixture.prefix}*${run.runId}:lock`);
  await fixture.commands.set(lock ?? "", "another's token", "PX", 500);
  const joined = () => said.some((line) => line.includes("run offered again, joined"));
  await eventually("the run to be offered again", joined, { withinMs: 8_000 });
  finish();
  await eventually("the job to be done", async () => (await queues.counts("a")).active === 0);
  expect(starts).toBe(1);
});

describe("a Redis that takes away a right", () => {
  const USER = `intake-${randomUUID().slice(0, 8)}`;
  const INTAKES = 5;
  /** Each renews its leases once a second, and looks for a run and for lost ones twice. Unpaced it is thousands. */
  const MOST_PER_SECOND = 20 * INTAKES;
  let admin: Redis;

  beforeEach(async () => {
    admin = new Redis(fixture.url);
    await admin.call("ACL", "SETUSER", USER, "reset", "on", "nopass", "~*", "&*", "+@all");
    // Behind the hooks that stop the intakes, which need it for that.
    onTestFinished(async () => {
      await admin.call("ACL", "DELUSER", USER);
      admin.disconnect();
    });
  });

  const refused = async () => {
    const stats = await admin.info("commandstats");
    const counts = [...stats.matchAll(/(?:rejected|failed)_calls=(\d+)/g)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  };

  test.each(["-@scripting", "-evalsha", "-bzpopmin", "-rpoplpush"])(
    "%s: is asked at a walk, and served once it gives it back",
    async (right) => {
      const url = fixture.url.replace("redis://", `redis://${USER}:any@`);
      const taken: RunJob[] = [];
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const onRun = async (run: RunJob) => {
        taken.push(run);
        await released;
      };
      for (let n = 0; n < INTAKES; n += 1) await startIntake("a", onRun, { url, concurrency: 1 });
      for (let n = 0; n < INTAKES; n += 1) await queues.add(job("a"));
      await eventually("all at work", () => taken.length === INTAKES);
      await admin.call("ACL", "SETUSER", USER, right);
      // From here on each looks for its next run, which BullMQ does again and again.
      release();
      const [before, from] = [await refused(), performance.now()];
      await eventually("two seconds", () => performance.now() - from > 2_000);
      const perSecond = ((await refused()) - before) / ((performance.now() - from) / 1_000);
      expect(perSecond).toBeGreaterThan(0);
      expect(perSecond).toBeLessThan(MOST_PER_SECOND);
      await admin.call("ACL", "SETUSER", USER, right.replace("-", "+"));
      const next = job("a");
      await queues.add(next);
      const isTaken = () => taken.some(({ runId }) => runId === next.runId);
      await eventually("the next run", isTaken, { withinMs: 8_000 });
      const left = async () => Object.values(await queues.counts("a"));
      await eventually("all written", async () => (await left()).every((count) => count === 0), {
        withinMs: 8_000,
      });
    },
  );
});

describe("a job that cannot be read", () => {
  /** Adds a job as something else wrote it. */
  async function addRaw(runId: string, data: string): Promise<void> {
    await queues.add(job("a", runId));
    await fixture.commands.hset(`${fixture.prefix}{queue-a}:runs:${runId}`, "data", data);
  }

  const later = (runId: string) => JSON.stringify({ ...job("a", runId), version: 2 });

  test.each([
    ["of another shape", '{"runId":7}'],
    ["that is no JSON", "{"],
    ["that names another run", JSON.stringify(job("a", "another"))],
  ])("%s is told of once, and is done with; the one behind it is worked on", async (_, data) => {
    const unreadable: UnreadableJob[] = [];
    const onUnreadable = async (one: UnreadableJob) => void unreadable.push(one);
    await addRaw("broken", data);
    await queues.add(job("a", "next"));
    const worked: string[] = [];
    await startIntake("a", async ({ runId }) => void worked.push(runId), { onUnreadable });
    await eventually("both", () => unreadable.length > 0 && worked.length > 0);
    await eventually("an empty queue", async () => (await queues.counts("a")).active === 0);
    expect(worked).toEqual(["next"]);
    expect(unreadable).toMatchObject([{ jobId: "broken", provider: "a" }]);
    expect(await queues.counts("a")).toEqual({ waiting: 0, active: 0 });
  });

  const isKept = async (runId: string) =>
    (await fixture.commands.exists(`${fixture.prefix}{queue-a}:runs:${runId}`)) === 1;

  describe.each<[string, (key: string) => Promise<unknown>]>([
    ["whose options are no JSON", (key) => fixture.commands.hset(key, "opts", "zzz")],
    ["whose starts are no number", (key) => fixture.commands.hset(key, "ats", "nan")],
    ["whose stalls are no number", (key) => fixture.commands.hset(key, "stc", "nan")],
    ["that is no hash", (key) => fixture.commands.set(key, "x", "PX", 60_000)],
  ])("%s", (_, spoil) => {
    test("is told of once each, keeps no place, and those behind it are worked on", async () => {
      const unreadable: string[] = [];
      const onUnreadable = async ({ jobId }: UnreadableJob) => void unreadable.push(jobId);
      await queues.limitConcurrency("a", 2);
      const spoilt = ["s1", "s2", "s3"];
      for (const runId of spoilt) {
        await queues.add(job("a", runId));
        const key = `${fixture.prefix}{queue-a}:runs:${runId}`;
        await spoil(key);
      }
      await queues.add(job("a", "next"));
      const worked: string[] = [];
      const work = async ({ runId }: RunJob) => void worked.push(runId);
      await startIntake("a", work, { onUnreadable, concurrency: 2 });
      await startIntake("a", work, { onUnreadable, concurrency: 2 });
      await eventually("all", () => unreadable.length >= 3 && worked.length > 0);
      const left = async () => Object.values(await queues.counts("a"));
      await eventually("an empty queue", async () => (await left()).every((count) => count === 0));
      expect([unreadable.toSorted(), worked]).toEqual([spoilt, ["next"]]);
      expect(await Promise.all(spoilt.map(isKept))).toEqual([false, false, false]);
    });
  });

  test("whose ends are no number is worked on once, and keeps no place", async () => {
    const worked: string[] = [];
    await queues.add(job("a", "odd"));
    await fixture.commands.hset(`${fixture.prefix}{queue-a}:runs:odd`, "atm", "nan");
    await startIntake("a", async ({ runId }) => void worked.push(runId));
    await eventually("its work", () => worked.length > 0);
    await eventually("its place", async () => (await queues.counts("a")).active === 0);
    expect(worked).toEqual(["odd"]);
    // BullMQ forgets the job on its way to delete it.
    await fixture.commands.del(`${fixture.prefix}{queue-a}:runs:odd`);
  });

  test("since a later release wrote it is given back, and a worker of that release has it", async () => {
    const lines: string[] = [];
    const log = createLogger(
      { service: "t", level: "warn" },
      { write: (line) => lines.push(line) },
    );
    const unreadable: UnreadableJob[] = [];
    const onUnreadable = async (one: UnreadableJob) => void unreadable.push(one);
    await addRaw("later", later("later"));
    await startIntake("a", ignore, { onUnreadable, log });
    await eventually("that it is given back", () => lines.length > 0);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ msg: "job given back", jobId: "later" });
    // As if what takes it now could read it.
    await addRaw("later", JSON.stringify(job("a", "later")));
    const worked: string[] = [];
    await startIntake("a", async ({ runId }) => void worked.push(runId));
    await eventually("the empty queue", async () => (await queues.counts("a")).waiting === 0);
    expect([unreadable, lines.length]).toEqual([[], 1]);
  });

  test("is given back for some seconds only: then its run fails", async () => {
    const unreadable: UnreadableJob[] = [];
    const onUnreadable = async (one: UnreadableJob) => void unreadable.push(one);
    await addRaw("later", later("later"));
    await fixture.commands.hset(`${fixture.prefix}{queue-a}:runs:later`, "ats", 14);
    await startIntake("a", ignore, { onUnreadable });
    await eventually("the refusal", () => unreadable.length > 0);
    expect(unreadable[0]?.error.message).toContain("version 2");
  });
});
