/** The images, while the container of their Redis is paused, killed, cut off the network, and replaced by an empty one. */
import { setTimeout as delay } from "node:timers/promises";
import { getContainerRuntimeClient, type StartedTestContainer, Wait } from "testcontainers";
import { afterAll, beforeAll, beforeEach, expect, inject, test } from "vitest";
import {
  expectEveryRunEnded,
  expectRefusedWhileAway,
  expectWellAgain,
  type Seen,
  watch,
} from "../slow/outage.ts";
import { GatewayContainers, TestNetwork } from "./gateway-containers.ts";

const ALIAS = "redis";
const IMAGE = "redis:8-trixie";

let network: TestNetwork;
let redis: StartedTestContainer;
let gateway: GatewayContainers;

beforeAll(async () => {
  network = await TestNetwork.create(inject("containerSession"), "redis");
  redis = await startRedis();
  gateway = await GatewayContainers.start(network, { REDIS_URL: `redis://${ALIAS}:6379` });
});

afterAll(async () => {
  await gateway?.stop();
  await redis?.stop({ timeout: 0 });
  await network?.remove();
});

beforeEach(async () => {
  expect(await gateway.ask(1)).toBe("done");
});

function startRedis(): Promise<StartedTestContainer> {
  return network
    .container(IMAGE, ALIAS)
    .withBindMounts([
      { source: `${process.cwd()}/deploy/redis/redis.conf`, target: "/redis.conf", mode: "ro" },
    ])
    .withCommand(["redis-server", "/redis.conf", "--protected-mode", "no"])
    .withWaitStrategy(Wait.forLogMessage("Ready to accept connections"))
    .start();
}

async function engine() {
  const { container } = await getContainerRuntimeClient();
  return container.dockerode.getContainer(redis.getId());
}

/** Watches, and makes sure that no edge and no worker had to be restarted for it. */
async function watchContainers(outage: (awayMs: number) => Promise<void>): Promise<Seen> {
  const before = await gateway.startTimes();
  const seen = await watch(gateway, outage);
  expect(await gateway.startTimes()).toEqual(before);
  return seen;
}

test("paused", async () => {
  const seen = await watchContainers(async (awayMs) => {
    await (await engine()).pause();
    await delay(awayMs);
    await (await engine()).unpause();
  });
  expectRefusedWhileAway(seen);
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("killed, and started again with its data", async () => {
  const seen = await watchContainers(async (awayMs) => {
    await (await engine()).kill({ signal: "SIGKILL" });
    await delay(awayMs);
    await (await engine()).start();
  });
  expectRefusedWhileAway(seen);
  expectWellAgain(seen);
  // Written through once a second: the last piece that was acknowledged may be missing.
  await expectEveryRunEnded(seen, ["done", "unavailable"]);
});

test("cut off the network", async () => {
  const seen = await watchContainers(async (awayMs) => {
    await network.cut({ container: redis });
    await delay(awayMs);
    await network.join({ container: redis, alias: ALIAS });
  });
  expectRefusedWhileAway(seen);
  expectWellAgain(seen);
  await expectEveryRunEnded(seen, ["done"]);
});

test("replaced by an empty one at another address", async () => {
  const seen = await watchContainers(async () => {
    const old = redis;
    redis = await startRedis();
    await old.stop({ timeout: 0 });
  });
  expectWellAgain(seen);
  // Runs in flight cannot become whole any more, and report it.
  await expectEveryRunEnded(seen, ["unavailable"]);
});
