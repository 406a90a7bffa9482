/** docker-compose.yml as an operator uses it: up, asked, configured, scaled, rolled under load, down. */
import { chmod, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { answerFor, directive } from "@openclaw/simulator";
import { eventually, freePort, PersistentUser, V1Client, V2Client } from "@openclaw/testing";
import { DockerComposeEnvironment, Wait } from "testcontainers";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { simulatedGateway } from "../e2e/simulated-gateway.ts";
import { boundMs, isFull } from "../suites.ts";
import { command, docker, dockerLines, TEST_TAG } from "./docker.ts";

const USERS = 20;
/** Ask what takes longer than new processes need to come up. */
const PATIENT_USERS = 4;
const LONG_ANSWER_S = isFull ? 60 : 12;
const GAP_MS = 100;
/** How much longer such an answer may take while everything is replaced. */
const DELAY_MS = boundMs({ promised: 10_000, fault: 60_000 });
const ROLLED_WITHIN_MS = 280_000;
/** With a key that is in keys.env: where a name has no value, edges and workers do not start. */
const GATEWAY = simulatedGateway("http://simulator:8009", { apiKey: "${KEY_OF_THIS_TEST}" });
const REDIS_PASSWORD = "only-for-this-test";
const project = inject("containerSession");

/** What an operator has in .env, and a compose command takes from there. */
let envFile = "";
let directory = "";
let host = "";
let stop: () => Promise<unknown> = async () => undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "openclaw-test-compose-"));
  // The services run as another user.
  await chmod(directory, 0o755);
  const port = await freePort();
  host = `127.0.0.1:${port}`;
  await configure(GATEWAY);
  await writeFile(join(directory, "keys.env"), "KEY_OF_THIS_TEST=simulated\n");
  envFile = join(directory, ".env");
  await writeFile(
    envFile,
    [
      `REDIS_PASSWORD=${REDIS_PASSWORD}`,
      "COMPOSE_PROFILES=demo",
      `OPENCLAW_VERSION=${TEST_TAG}`,
      `GATEWAY_CONFIG_DIR=${directory}`,
      `PORT=${port}`,
      "HEALTH_INTERVAL=2s",
    ].join("\n"),
  );
  const services = ["redis", "edge", "worker", "load-balancer", "prometheus", "simulator"];
  const started = await new DockerComposeEnvironment(".", "docker-compose.yml")
    .withProjectName(project)
    .withEnvironmentFile(envFile)
    .withDefaultWaitStrategy(Wait.forHealthCheck())
    .up(services);
  stop = () => started.down({ timeout: 15_000, removeVolumes: true });
});

afterAll(async () => {
  await stop();
  await rm(directory, { recursive: true, force: true });
});

/** At one stroke, as editors do. */
async function configure(gateway: unknown): Promise<void> {
  const path = join(directory, "gateway.config.json");
  await writeFile(`${path}.new`, JSON.stringify(gateway));
  await rename(`${path}.new`, path);
}

async function compose(...args: string[]): Promise<string> {
  return command(["docker", "compose", "--project-name", project, "--env-file", envFile, ...args]);
}

async function roll(env: NodeJS.ProcessEnv = {}): Promise<string> {
  const options = ["--project-name", project, "--env-file", envFile];
  return command(["deploy/docker/roll.sh", ...options], { env, withinMs: ROLLED_WITHIN_MS });
}

/** Stopped ones, too. */
const allContainers = () =>
  dockerLines(
    ...["ps", "--all", "--quiet", "--filter", `label=com.docker.compose.project=${project}`],
  );

const containersOf = (service: string) =>
  dockerLines(
    ...["ps", "--quiet", "--filter", `label=com.docker.compose.project=${project}`],
    ...["--filter", `label=com.docker.compose.service=${service}`],
  );

async function stats(): Promise<{ nodes: { edges: unknown[]; workers: unknown[] } }> {
  const response = await fetch(`http://${host}/stats`);
  // The product's own shape.
  return (await response.json()) as { nodes: { edges: unknown[]; workers: unknown[] } };
}

/** Addresses of a job from which Prometheus gets metrics. */
async function scraped(job: string): Promise<string[]> {
  const [prometheus = ""] = await containersOf("prometheus");
  const url = "http://127.0.0.1:9090/api/v1/targets?state=active";
  const answer = await docker("exec", prometheus, "wget", "-q", "-O", "-", url);
  // Prometheus's own shape.
  const { data } = JSON.parse(answer) as {
    data: { activeTargets: { labels: { job: string; instance: string }; health: string }[] };
  };
  return data.activeTargets
    .filter(({ labels, health }) => labels.job === job && health === "up")
    .map(({ labels }) => labels.instance);
}

test("answers through the load balancer, in both protocols", async () => {
  expect((await fetch(`http://${host}/health`)).status).toBe(200);
  const prompt = directive({ words: 30, gapMs: 10 });
  const v1 = await V1Client.connect(`ws://${host}/ws/stream`);
  const { text, terminal } = await v1.ask(prompt, "zhipu");
  expect([text, terminal]).toEqual([answerFor({ prompt, profile: "zhipu" }), { type: "done" }]);
  v1.close();
  const v2 = await V2Client.connect(`ws://${host}/ws/stream`);
  const run = await v2.run(prompt, "hunyuan");
  expect(await v2.end(run)).toMatchObject({ type: "done" });
  expect([run.text, v2.faults]).toEqual([answerFor({ prompt, profile: "hunyuan" }), []]);
  v2.close();
});

test("services run as nobody special, with a root file system that is read-only", async () => {
  for (const service of ["edge", "worker", "simulator"]) {
    const [container = ""] = await containersOf(service);
    expect(await docker("exec", container, "id", "-u")).toBe("1000");
    const touch = docker("exec", container, "touch", "/app/touched");
    await expect(touch).rejects.toThrow("Read-only file system");
  }
});

test("operators ask from within, as docs/operations.md says", async () => {
  const asked = 'max(openclaw_nodes{kind="worker"})';
  const answer = await eventually(
    "Prometheus to have looked",
    async () => {
      const url = "http://127.0.0.1:9090";
      const said = await compose(
        "exec",
        "-T",
        "prometheus",
        "promtool",
        "query",
        "instant",
        url,
        asked,
      );
      return said.trim() !== "" && said;
    },
    { withinMs: 20_000, everyMs: 500 },
  );
  expect(answer).toMatch(/=> 2 @/);
  const check = ["node", "/app/services/worker/dist/check-providers.js", "--provider", "zhipu"];
  expect(await compose("exec", "-T", "worker", ...check)).toMatch(/zhipu .*simulated/s);
});

test("only the load balancer publishes a port, on loopback", async () => {
  const published = await dockerLines(
    ...["ps", "--filter", `label=com.docker.compose.project=${project}`],
    ...["--format", '{{.Label "com.docker.compose.service"}} {{.Ports}}'],
  );
  expect(published.filter((line) => line.includes("->"))).toEqual([
    `load-balancer ${host}->8001/tcp`,
  ]);
});

test("the password of Redis is not on its command line, which every user of the host may read", async () => {
  const [redis = ""] = await containersOf("redis");
  const seen = await Promise.all([
    docker("top", redis, "-o", "pid,args"),
    docker("inspect", "--format", "{{.Path}} {{.Args}} {{.Config.Cmd}}", redis),
  ]);
  expect(seen).toEqual([expect.stringContaining("redis-server"), expect.anything()]);
  expect(seen.filter((text) => text.includes(REDIS_PASSWORD))).toEqual([]);
  expect(await docker("exec", "--env", "REDISCLI_AUTH=", redis, "redis-cli", "ping")).toContain(
    "NOAUTH",
  );
});

test("takes over an edit of the mounted gateway.config.json while it runs", async () => {
  const { providers } = GATEWAY;
  await configure({ ...GATEWAY, providers: { ...providers, fresh: providers.zhipu } });
  const client = await V2Client.connect(`ws://${host}/ws/stream`);
  const run = await eventually(
    "the new provider to be known",
    () => client.run(directive({ text: "here" }), "fresh").catch(() => undefined),
    { withinMs: 10_000, everyMs: 100 },
  );
  expect(await client.end(run)).toMatchObject({ type: "done" });
  client.close();
});

test("scales to 4 workers, of which the cluster and Prometheus know", async () => {
  await compose("up", "--detach", "--wait", "--no-recreate", "--scale", "worker=4", "worker");
  await eventually("four workers", async () => (await stats()).nodes.workers.length === 4);
  await eventually("their metrics", async () => (await scraped("openclaw-worker")).length === 4, {
    withinMs: 20_000,
    everyMs: 500,
  });
  expect(await scraped("openclaw-edge")).toHaveLength(2);
  await compose("up", "--detach", "--no-recreate", "--scale", "worker=2", "worker");
  expect(await containersOf("worker")).toHaveLength(2);
});

test("a rollout of what does not come up leaves everything as it was", async () => {
  const before = (await allContainers()).sort();
  await expect(roll({ WORKER_MAX_ATTEMPTS: "none" })).rejects.toThrow("unhealthy");
  expect((await allContainers()).sort()).toEqual(before);
  expect((await fetch(`http://${host}/health`)).status).toBe(200);
});

test(
  `every edge and worker is replaced under ${USERS} users, and no v2 run fails`,
  async () => {
    const before = [...(await containersOf("edge")), ...(await containersOf("worker"))];
    const leaving = new AbortController();
    let seed = 0;
    const next = () => {
      seed += 1;
      const prompt = directive({ words: 40, gapMs: 50, seed });
      return { prompt, provider: seed % 2 === 0 ? "zhipu" : "nvidia1" };
    };
    const users = Array.from(
      { length: USERS },
      (_, index) => new PersistentUser(`ws://${host}/ws/stream/user-${index}`),
    );
    const words = (LONG_ANSWER_S * 1_000) / GAP_MS;
    const nextLong = () => {
      seed += 1;
      return { prompt: directive({ words, gapMs: GAP_MS, seed }), provider: "zhipu" };
    };
    const patient = Array.from(
      { length: PATIENT_USERS },
      (_, index) => new PersistentUser(`ws://${host}/ws/stream/patient-${index}`),
    );
    const asking = Promise.all([
      ...users.map((user) => user.keepAsking(next, leaving.signal)),
      ...patient.map((user) => user.keepAsking(nextLong, leaving.signal)),
    ]);
    await eventually("answers", () => users.every(({ finished }) => finished.length > 0), {
      withinMs: 20_000,
    });
    await roll();
    leaving.abort();
    await asking;

    const after = [...(await containersOf("edge")), ...(await containersOf("worker"))];
    expect(after).toHaveLength(before.length);
    expect(after.filter((container) => before.includes(container))).toEqual([]);
    const long = patient.flatMap(({ finished }) => finished);
    const longestMs = Math.max(...long.map(({ tookMs }) => tookMs));
    console.log(
      `${long.length} runs of ${LONG_ANSWER_S} s meanwhile: ${longestMs / 1_000} s at most`,
    );
    expect(long.filter(({ restarts }) => restarts > 0)).toEqual([]);
    expect(longestMs).toBeLessThan(LONG_ANSWER_S * 1_000 + DELAY_MS);
    const runs = [...users, ...patient].flatMap(({ finished }) => finished);
    const reconnects = users.reduce((sum, user) => sum + user.reconnects, 0);
    console.log(`${runs.length} runs while all was replaced, ${reconnects} reconnects`);
    expect(reconnects).toBeGreaterThanOrEqual(USERS);
    expect(runs.filter(({ outcome }) => outcome !== "done")).toEqual([]);
    // With a seed every provider says the same.
    const wrong = runs.filter(
      ({ prompt, text }) => text !== answerFor({ prompt, profile: "zhipu" }),
    );
    expect(wrong).toEqual([]);
    expect([...users, ...patient].flatMap(({ faults }) => faults)).toEqual([]);
    // By which `docker compose stop` knows that Redis is to stop last.
    const label = '{{index .Config.Labels "com.docker.compose.depends_on"}}';
    const dependencies = await dockerLines("inspect", "--format", label, ...after);
    expect(dependencies).toEqual(after.map(() => expect.stringContaining("redis")));
  },
  ROLLED_WITHIN_MS + 60_000,
);

test("one edge that does not answer is not asked for the others", async () => {
  const [edge = ""] = await containersOf("edge");
  await docker("pause", edge);
  try {
    const isWell = () =>
      fetch(`http://${host}/health`, { signal: AbortSignal.timeout(500) }).then(
        ({ ok }) => ok,
        () => false,
      );
    // Asked in turn, both would be among so many.
    await eventually("the other alone to be asked", async () => {
      for (let n = 0; n < 6; n += 1) if (!(await isWell())) return false;
      return true;
    });
  } finally {
    await docker("unpause", edge);
  }
  await eventually("both to be asked again", async () => (await stats()).nodes.edges.length === 2);
});

test("docker compose stop lets an answer end that no other edge can go on with, and waits for no idle user", async () => {
  const services = ["load-balancer", "edge", "worker"];
  const idle = await V2Client.connect(`ws://${host}/ws/stream`);
  const user = await V1Client.connect(`ws://${host}/ws/stream`);
  // In full longer than HAProxy once had.
  const prompt = directive({ words: isFull ? 350 : 80, gapMs: 100 });
  const answer = user.ask(prompt, "zhipu", 100_000);
  await eventually("text", () => user.textSoFar !== "");
  // An idle user would hold HAProxy for all of its grace.
  await command(
    ["docker", "compose", "--project-name", project, "--env-file", envFile, "stop", ...services],
    { withinMs: 110_000 },
  );
  const { text, terminal } = await answer;
  expect([text, terminal]).toEqual([answerFor({ prompt, profile: "zhipu" }), { type: "done" }]);
  idle.close();
  user.close();
  await compose("up", "--detach", "--wait", "--no-recreate", ...services);
  expect((await fetch(`http://${host}/health`)).status).toBe(200);
}, 240_000);

test("without a worker the load balancer still tells why nobody is served", async () => {
  await compose("stop", "worker");
  const said = await eventually("the reason", async () => {
    const response = await fetch(`http://${host}/health`);
    return response.status === 503 && ((await response.json()) as unknown);
  });
  expect(said).toEqual({ status: "unavailable", reasons: ["no worker is alive"] });
  await eventually("new users to be turned away", async () => {
    const { status, body } = await fetch(`http://${host}/v1/models`);
    await body?.cancel();
    return status === 503;
  });
});
