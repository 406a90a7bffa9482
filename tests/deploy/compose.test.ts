/** What docker-compose.yml can be told: all that edges and workers read, and .env.example names it all. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { edgeEnvSchema } from "../../services/edge/src/config.ts";
import { workerEnvSchema } from "../../services/worker/src/config.ts";

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly env_file?: readonly unknown[];
  readonly command?: unknown;
  readonly healthcheck?: unknown;
  readonly ports?: readonly string[];
}

/** Read by compose itself. */
const COMPOSE_OWN = ["COMPOSE_PROFILES"];

/** Settings that stay unset: inside a container the image gives them, as its ports are mapped. */
const OF_THE_IMAGE = [
  "EDGE_HOST",
  "EDGE_PORT",
  "EDGE_ADMIN_HOST",
  "EDGE_ADMIN_PORT",
  "WORKER_ADMIN_HOST",
  "WORKER_ADMIN_PORT",
];

const text = readFileSync("docker-compose.yml", "utf8");
const { services }: { services: Record<string, Service> } = parse(text, { merge: true });

test("what docker-compose.yml reads is what .env.example explains", () => {
  const replaced = [...text.matchAll(/\$\{([A-Z0-9_]+)/g)].map(([, name = ""]) => name);
  const passedOn = Object.values(services).flatMap(({ environment = {} }) =>
    Object.keys(environment).filter((name) => environment[name] === null),
  );
  const explained = [...readFileSync(".env.example", "utf8").matchAll(/^([A-Z0-9_]+)=/gm)].map(
    ([, name = ""]) => name,
  );
  expect(new Set(explained)).toEqual(new Set([...replaced, ...passedOn, ...COMPOSE_OWN]));
});

test.each([
  { name: "edge", schema: edgeEnvSchema },
  { name: "worker", schema: workerEnvSchema },
])("everything that a process reads can be told to the service $name", ({ name, schema }) => {
  const { environment = {}, env_file } = services[name] ?? {};
  const told = new Set([...Object.keys(environment), ...OF_THE_IMAGE]);
  expect(Object.keys(schema.shape).filter((variable) => !told.has(variable))).toEqual([]);
  // Keys that a gateway.config.json names have names that are not known here.
  expect(env_file).toEqual([expect.objectContaining({ required: false })]);
});

test("no proxy of the host is taken over, in neither spelling", () => {
  const names = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"];
  const told = Object.entries(services).flatMap(([service, { environment = {} }]) =>
    Object.entries(environment)
      .filter(([name]) => /proxy/i.test(name))
      .map(([name, value]) => `${service} ${name}=${value}`),
  );
  const ours = names.flatMap((name) =>
    [name, name.toLowerCase()].map((spelling) => `worker ${spelling}=\${OPENCLAW_${name}:-}`),
  );
  expect(told.toSorted()).toEqual(ours.toSorted());
});

test("no password is on a command line, where every user of the host may read it", () => {
  // "$$" is for the shell inside.
  const commands = Object.values(services).map(({ command }) => JSON.stringify(command ?? ""));
  const telling = commands.filter((command) => /(?<!\$)\$\{\w*(PASSWORD|KEY)/.test(command));
  expect(telling).toEqual([]);
});

test("every service is asked for its health", () => {
  const silent = Object.keys(services).filter((name) => !services[name]?.healthcheck);
  expect(silent).toEqual([]);
});

test("images of others are pinned in an override file, each by the digest of what was pulled", async () => {
  // A copy, as the script writes beside the compose file; and an engine that knows a digest of every image.
  const directory = await mkdtemp(join(tmpdir(), "openclaw-pin-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await mkdir(join(directory, "deploy/docker"), { recursive: true });
  const script = join(directory, "deploy/docker/pin-images.sh");
  await copyFile("deploy/docker/pin-images.sh", script);
  await copyFile("docker-compose.yml", join(directory, "docker-compose.yml"));
  const engine = `#!/bin/sh
    [ "$1" = image ] || exit 0
    for image; do :; done
    echo "\${image%%:*}@sha256:of-\${image##*:}"`;
  await writeFile(join(directory, "docker"), engine, { mode: 0o755 });
  const env = { PATH: `${directory}:${process.env.PATH}` };
  await promisify(execFile)("bash", [script], { env });

  const written = parse(readFileSync(join(directory, "docker-compose.digests.yml"), "utf8"));
  const foreign = Object.entries(services).filter(
    ([, { image }]) => !image.startsWith("openclaw/"),
  );
  expect(foreign.length).toBeGreaterThan(3);
  const pinned = foreign.map(([name, { image }]) => [
    name,
    { image: image.replace(":", "@sha256:of-") },
  ]);
  expect(written.services).toEqual(Object.fromEntries(pinned));
});

test("what opens the gateway does not open Grafana", () => {
  expect(services.grafana?.ports).toEqual([
    "${GRAFANA_BIND_ADDRESS:-127.0.0.1}:${GRAFANA_PORT:-3000}:3000",
  ]);
});
