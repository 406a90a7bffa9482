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
async function start(build: string, { signMs = 60_000 } = {}) {
  const worker = { takes: true, roster: undefined as unknown as BuildRoster };
  worker.roster = new BuildRoster({
    redis: fixture.commands,
    keyPrefix: fixture.prefix,
    build,
    signMs,
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

test("workers of a build take nothing once one of them leaves beside another build, and the others do", async () => {
  const old = [await start("old"), await start("old"), await start("old")];
  const fresh = await start("new");
  await aFewLooks();
  // A canary: nobody was told to leave.
  expect(take([...old, fresh])).toEqual([true, true, true, true]);
  await old[0]?.roster.drain();
  await eventually("the others to stop", () => !old[1]?.takes && !old[2]?.takes);
  // One that is started again meanwhile does not take any either.
  const restarted = await start("old");
  await eventually("it to stop", () => !restarted.takes);
  expect(fresh.takes).toBe(true);
});

test("a worker that leaves among its like keeps nobody from taking runs", async () => {
  const workers = [await start("one"), await start("one")];
  await workers[0]?.roster.drain();
  await aFewLooks();
  expect(workers[1]?.takes).toBe(true);
  // Nor does another build that comes later.
  await start("two");
  await aFewLooks();
  expect(workers[1]?.takes).toBe(true);
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
  await again[0]?.roster.drain();
  await eventually("the old one to go on", () => stays.takes);
  await eventually("the new one to stop", () => !again[1]?.takes);
});

test("the sign expires", async () => {
  const [leaver, stays] = [await start("old", { signMs: 2_000 }), await start("old")];
  await start("new");
  await leaver.roster.drain();
  await eventually("the old one to stop", () => !stays.takes);
  await eventually("the old one to go on", () => stays.takes, { withinMs: 10_000 });
});
