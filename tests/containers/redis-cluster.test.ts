/** The images on a Redis Cluster of three masters, each a container, the streams in six partitions. */
import { type StartedTestContainer, Wait } from "testcontainers";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { docker } from "./docker.ts";
import { GatewayContainers, TestNetwork } from "./gateway-containers.ts";

const MASTERS = ["redis-1", "redis-2", "redis-3"] as const;
const RUNS = 60;

let network: TestNetwork;
let masters: StartedTestContainer[] = [];
let gateway: GatewayContainers;

beforeAll(async () => {
  network = await TestNetwork.create(inject("containerSession"), "redis-cluster");
  masters = await Promise.all(MASTERS.map(startMaster));
  const [first] = masters;
  if (!first) throw new Error("no master was started");
  const nodes = masters.map((master) => `${master.getIpAddress(network.name)}:6379`);
  await docker(
    ...["exec", first.getId(), "redis-cli", "--cluster", "create", ...nodes, "--cluster-yes"],
  );
  gateway = await GatewayContainers.start(network, {
    REDIS_URL: `redis+cluster://${MASTERS.map((name) => `${name}:6379`).join(",")}`,
    REDIS_PARTITIONS: "6",
  });
});

afterAll(async () => {
  await gateway?.stop();
  await Promise.all(masters.map((master) => master.stop({ timeout: 0 })));
  await network?.remove();
});

function startMaster(alias: string): Promise<StartedTestContainer> {
  return network
    .container("redis:8-trixie", alias)
    .withCommand(["redis-server", "--cluster-enabled", "yes", "--protected-mode", "no"])
    .withWaitStrategy(Wait.forLogMessage("Ready to accept connections"))
    .start();
}

/** What each master answers. */
function onEach(...command: string[]): Promise<string[]> {
  return Promise.all(
    masters.map((master) => docker("exec", master.getId(), "redis-cli", ...command)),
  );
}

const lines = (text: string) => text.split("\n").filter(Boolean).length;

test("every run is answered, and logs and subscriptions are spread over the masters", async () => {
  const outcomes = await Promise.all(Array.from({ length: RUNS }, (_, seed) => gateway.ask(seed)));
  expect(outcomes.filter((outcome) => outcome !== "done")).toEqual([]);
  for (const keys of await onEach("--raw", "keys", "*:log:*")) {
    expect(lines(keys)).toBeGreaterThan(RUNS / 12);
  }
  // Two partitions of each master, two edges and two workers.
  for (const channels of await onEach("--raw", "pubsub", "shardchannels")) {
    expect(lines(channels)).toBe(2 * 4);
  }
});
