/** Every platform lets edges and workers drain before it kills them, as long as they are told to by default. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, onTestFinished, test, vi } from "vitest";
import { parse } from "yaml";
import { edgeEnvSchema } from "../../services/edge/src/config.ts";
import { workerEnvSchema } from "../../services/worker/src/config.ts";

const LONGEST_ANSWER_MS = 120_000;
/** To release what it has. */
const CLOSING_MS = 5_000;

const drainMs = {
  edge: edgeEnvSchema.parse({}).EDGE_DRAIN_MS,
  worker: workerEnvSchema.parse({}).WORKER_DRAIN_MS,
} as const;
const services = Object.keys(drainMs) as (keyof typeof drainMs)[];

test("a drain is longer than the longest answer by default", () => {
  for (const service of services) expect(drainMs[service]).toBeGreaterThan(LONGEST_ANSWER_MS);
});

test("docker compose waits longer, and .env.example says the same", () => {
  const compose = parse(readFileSync("docker-compose.yml", "utf8"), { merge: true });
  const example = readFileSync(".env.example", "utf8");
  for (const service of services) {
    const name = service.toUpperCase();
    const grace: string = compose.services[service].stop_grace_period;
    const [, seconds] = grace.match(new RegExp(`^\\$\\{${name}_STOP_GRACE:-(\\d+)s\\}$`)) ?? [];
    expect(Number(seconds) * 1_000).toBeGreaterThanOrEqual(drainMs[service] + CLOSING_MS);
    expect(example).toContain(`\n${name}_STOP_GRACE=${seconds}s\n`);
    expect(example).toContain(`\n${name}_DRAIN_MS=\n`);
  }
});

test("docker compose stops the load balancer beside the edges, and no sooner than their answers end", () => {
  const compose = parse(readFileSync("docker-compose.yml", "utf8"), { merge: true });
  const balancer = compose.services["load-balancer"];
  expect(balancer.stop_grace_period).toBe(compose.services.edge.stop_grace_period);
  // A service stops before those it depends on. Edges that are not told to leave would go on taking runs meanwhile.
  expect(Object.keys(balancer.depends_on)).not.toContain("edge");
  expect(readFileSync("deploy/haproxy/haproxy.cfg", "utf8")).not.toMatch(/^\s*hard-stop-after/m);
});

test("roll.sh stops the old ones side by side, and leaves the grace to the compose file", () => {
  const script = readFileSync("deploy/docker/roll.sh", "utf8");
  expect(script.match(/docker stop.*/g)).toEqual(['docker stop "${old[@]}" >/dev/null']);
});

test("PM2 waits longer, also where a drain is set", () => {
  const require = createRequire(import.meta.url);
  const path = require.resolve("../../deploy/pm2/ecosystem.config.cjs");
  const killAfterMs = (): Record<string, number> => {
    delete require.cache[path];
    const { apps } = require(path) as { apps: { name: string; kill_timeout: number }[] };
    return Object.fromEntries(
      apps.map(({ name, kill_timeout }) => [name.split("-").at(-1), kill_timeout]),
    );
  };
  for (const service of services) {
    expect(killAfterMs()[service]).toBeGreaterThanOrEqual(drainMs[service] + CLOSING_MS);
  }
  vi.stubEnv("WORKER_DRAIN_MS", "300000");
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(killAfterMs().worker).toBeGreaterThanOrEqual(300_000 + CLOSING_MS);
});
