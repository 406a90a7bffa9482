import { once } from "node:events";
import { createLogger } from "@openclaw/runtime";
import { createRedisFixture, eventually, type RedisFixture } from "@openclaw/testing";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { BuildRoster } from "./build-roster.ts";

const log = createLogger({ service: "test", level: "silent" });

let fixture: RedisFixture;
const rosters: BuildRoster[] = [];

beforeEach(async () => {
  fixture = await createRedisFixture(inject("redisUrl"));
});

afterEach(async () => {
  for (const roster of rosters.splice(0)) await roster.stop();
  await fixture.close();
});

/** A worker of a build; `takes` is whether it takes runs. */
async function start(
  build: string,
  { signMs = 60_000, wordMs = 3_000, redis = fixture.commands } = {},
) {
  const worker = { takes: true, roster: undefined as unknown as BuildRoster };
  worker.roster = new BuildRoster({
    redis,
    keyPrefix: fixture.prefix,
    build,
    signMs,
    wordMs,
    onTakes: (takes) => {
      worker.takes = takes;
    },
    log,
  });
  rosters.push(worker.roster);
  await worker.roster.start();
  return worker;
}

type Worker = Awaited<ReturnType<typeof start>>;

const take = (workers: readonly Worker[]) => workers.map(({ takes }) => takes);

/** Long enough that a worker which is to change its mind has. */
async function aFewLooks(): Promise<void> {
  const startedAt = performance.now();
  await eventually("a few looks", () => performance.now() - startedAt > 1_500);
}

/** Leaves as a process does that has no run. */
async function leave({ roster }: Worker): Promise<void> {
  await roster.drain();
  await roster.stop();
}

/** Long enough that a worker which only remembers that another build took runs does not any more. */
async function memoryToEnd(): Promise<void> {
  const startedAt = performance.now();
  await eventually("memory to end", () => performance.now() - startedAt > 4_000);
}

/** An old build that left, and came back beside the new one while the sign of it lives. */
async function startGoingBack({ wordMs = 3_000 } = {}) {
  const [leaver, stays] = [await start("old"), await start("old")];
  const fresh = [await start("new", { wordMs }), await start("new", { wordMs })] as const;
  await leave(leaver);
  await leave(stays);
  const back = [await start("old"), await start("old")] as const;
  await memoryToEnd();
  await eventually("the bad build alone to take runs", () => {
    return take([...fresh, ...back]).join() === "true,true,false,false";
  });
  return { fresh, back };
}

test("workers of a build take nothing once one of them leaves beside another build, and the others do", async () => {
  const old = [await start("old"), await start("old"), await start("old")];
  const fresh = await start("new");
  await aFewLooks();
  // A canary: no worker was told to leave.
  expect(take([...old, fresh])).toEqual([true, true, true, true]);
  await old[0]?.roster.drain();
  await eventually("the others to stop", () => !old[1]?.takes && !old[2]?.takes);
  // A worker of the old build that is started again meanwhile takes no runs either.
  const restarted = await start("old");
  await eventually("it to stop", () => !restarted.takes);
  expect(fresh.takes).toBe(true);
});

test("a worker that leaves among its like keeps nobody from taking runs", async () => {
  const [leaver, stays] = [await start("one"), await start("one")];
  await leaver.roster.drain();
  await aFewLooks();
  expect(stays.takes).toBe(true);
  // Nor does another build that comes once it has left.
  await leaver.roster.stop();
  await start("two");
  await aFewLooks();
  expect(stays.takes).toBe(true);
});

test("a build leaves where the worker of another one is up only after the first was told to leave", async () => {
  const [leaver, stays] = [await start("old"), await start("old")];
  await leaver.roster.drain();
  await aFewLooks();
  expect(stays.takes).toBe(true);
  const fresh = await start("new");
  await eventually("the other to stop", () => !stays.takes);
  expect(fresh.takes).toBe(true);
});

test("a build leaves though Redis was away when a worker of it was told to", async () => {
  const redis = await fixture.connect();
  const [leaver, stays] = [await start("old", { redis }), await start("old")];
  const fresh = await start("new");
  redis.disconnect();
  await once(redis, "end");
  await leaver.roster.drain();
  await redis.connect();
  await eventually("the other to stop", () => !stays.takes);
  expect(fresh.takes).toBe(true);
});

test("the old build takes runs again where the new one is gone, dead or told to leave", async () => {
  const [leaver, stays] = [await start("old"), await start("old")];
  const fresh = await start("new");
  await leaver.roster.drain();
  await eventually("the old one to stop", () => !stays.takes);
  // As if it were killed.
  await fresh.roster.stop();
  await eventually("the old one to go on", () => stays.takes, { withinMs: 5_000 });
  const again = [await start("new"), await start("new")];
  await eventually("the old one to stop", () => !stays.takes);
  // Going back.
  await memoryToEnd();
  await again[0]?.roster.drain();
  await eventually("the old one to go on", () => stays.takes);
  await eventually("the new one to stop", () => !again[1]?.takes);
});

test("going back, the first of the bad build to leave hands over to workers that took nothing till then", async () => {
  const { fresh, back } = await startGoingBack();
  await fresh[0].roster.drain();
  await eventually("the good build to take runs", () => back[0].takes && back[1].takes);
  await eventually("the bad build to stop", () => !fresh[1].takes);
});

test("going back, the bad build may leave all at once, and without a run", async () => {
  // The workers do not wait until the last word of the bad build has expired.
  const { fresh, back } = await startGoingBack({ wordMs: 60_000 });
  await Promise.all(fresh.map(leave));
  await eventually("the good build to take runs", () => back[0].takes && back[1].takes);
});

test("going back, the bad build may be gone before the good one is there again", async () => {
  const leaver = await start("old");
  const fresh = await start("new");
  await leave(leaver);
  await memoryToEnd();
  await leave(fresh);
  const back = await start("old");
  // At its first look already, though the sign of its build lives and the other one has just gone.
  expect(back.takes).toBe(true);
});

test("the last of a build to leave keeps the other build from leaving behind it", async () => {
  const last = await start("old");
  const [leaver, stays] = [await start("new"), await start("new")];
  await leave(last);
  await leave(leaver);
  await aFewLooks();
  expect(stays.takes).toBe(true);
});

test("the sign expires", async () => {
  const [leaver, stays] = [await start("old", { signMs: 2_000 }), await start("old")];
  await start("new");
  await leaver.roster.drain();
  await eventually("the old one to stop", () => !stays.takes);
  await eventually("the old one to go on", () => stays.takes, { withinMs: 10_000 });
});
