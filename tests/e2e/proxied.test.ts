/** Workers that reach their providers only through an HTTP proxy, over TLS, as in many companies. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import {
  answerFor,
  createSimulator,
  directive,
  INSTANT,
  profilesAt,
  type Simulator,
} from "@openclaw/simulator";
import { Cluster, ConnectProxy, eventually, V1Client } from "@openclaw/testing";
import { generate } from "selfsigned";
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from "vitest";

const PASSWORD = "pass-of-the-proxy";
/** Only the proxies can find it. */
const HIDDEN = "provider.example";
const PROMPT = directive({ words: 8, gapMs: 5 });
const SPARE = 3;

let simulator: Simulator;
/** Wants a user. */
let plain: ConnectProxy;
/** Speaks TLS itself. */
let secure: ConnectProxy;
let directory: string;
/** What processes must trust. */
let authorities: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "openclaw-proxied-"));
  const certFile = join(directory, "simulator.pem");
  simulator = createSimulator({
    port: 0,
    profiles: profilesAt(INSTANT),
    tls: { port: 0, certFile },
  });
  await simulator.start();
  const { host, port } = addressOf(simulator.tlsUrl);
  const hosts = { localhost: { host, port }, [HIDDEN]: { host, port } };
  const made = await generate([{ name: "commonName", value: "proxy" }], {
    keyType: "ec",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
    ],
  });
  plain = await ConnectProxy.start({ credentials: `me:${PASSWORD}`, hosts });
  secure = await ConnectProxy.start({ tls: { cert: made.cert, key: made.private }, hosts });
  authorities = join(directory, "authorities.pem");
  await writeFile(authorities, `${simulator.certificate}\n${made.cert}\n`);
});

afterAll(async () => {
  await simulator?.stop();
  await plain?.stop();
  await secure?.stop();
  await rm(directory, { recursive: true, force: true });
});

function addressOf(url = ""): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

const provider = (more: Record<string, unknown> = {}) => ({
  kind: "zhipu",
  baseUrl: "https://localhost/zhipu/v1",
  model: "m",
  pool: { warm: SPARE },
  ...more,
});

async function start(providers: object, env: Record<string, string> = {}): Promise<Cluster> {
  const cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: { providers },
    edges: 1,
    workers: 1,
    env: { NODE_EXTRA_CA_CERTS: authorities, ...env },
  });
  onTestFinished(() => cluster.stop());
  return cluster;
}

async function ask(cluster: Cluster, name: string) {
  const client = await V1Client.connect(cluster.url());
  const reply = await client.ask(PROMPT, name);
  client.close();
  return reply;
}

const answer = () => answerFor({ prompt: PROMPT, profile: "zhipu" });

test("HTTPS_PROXY with user and password leads all providers, spare sockets included, TLS inside", async () => {
  const before = plain.targets.length;
  const cluster = await start(
    { one: provider(), direct: provider({ baseUrl: `${simulator.tlsUrl}/zhipu/v1` }) },
    { HTTPS_PROXY: plain.url(`me:${PASSWORD}`), NO_PROXY: "127.0.0.1" },
  );
  expect(plain.targets.slice(before)).toEqual(Array(SPARE).fill("localhost:443"));
  expect(await ask(cluster, "one")).toMatchObject({ text: answer(), terminal: { type: "done" } });
  expect(await ask(cluster, "direct")).toMatchObject({
    text: answer(),
    terminal: { type: "done" },
  });
  const [finished] = await eventually("the report", () => {
    const lines = cluster.logs("edge", "run finished");
    return lines.length > 1 ? lines : undefined;
  });
  expect(finished).toMatchObject({ attempt: { connection: "warm" } });
  expect(new Set(plain.targets)).toEqual(new Set(["localhost:443"]));
  expect(plain.others).toEqual([]);
});

test("a provider's own proxy goes before the environment's, one that speaks TLS too, and `none` means none", async () => {
  const before = plain.targets.length;
  const cluster = await start(
    {
      own: provider({ proxy: secure.url() }),
      none: provider({ baseUrl: `${simulator.tlsUrl}/zhipu/v1`, proxy: "none" }),
    },
    { https_proxy: plain.url(`me:${PASSWORD}`) },
  );
  for (const name of ["own", "none"]) {
    expect(await ask(cluster, name)).toMatchObject({ text: answer(), terminal: { type: "done" } });
  }
  expect(plain.targets).toHaveLength(before);
  expect(new Set(secure.targets)).toEqual(new Set(["localhost:443"]));
});

test("the name of the provider is verified inside the tunnel, and failures are told as whose they are", async () => {
  const cluster = await start({
    "other-name": provider({
      baseUrl: `https://${HIDDEN}/zhipu/v1`,
      proxy: plain.url(`me:${PASSWORD}`),
    }),
    "no-password": provider({ proxy: plain.url("me:guessed") }),
  });
  expect((await ask(cluster, "other-name")).terminal).toMatchObject({
    code: "provider_unreachable",
    message: "other-name cannot be reached (ERR_TLS_CERT_ALTNAME_INVALID).",
  });
  expect((await ask(cluster, "no-password")).terminal).toMatchObject({
    code: "provider_unreachable",
    message: "no-password cannot be reached (the proxy wants another user or password, HTTP 407).",
  });
  const said = JSON.stringify(cluster.processes("worker").map(({ logs }) => logs));
  expect(said).toContain("PROXY_HTTP_407");
  expect(said).not.toMatch(/guessed|pass-of-the-proxy|Basic /);
});

test("npm run providers tells the proxy's part of a failure from the provider's", async () => {
  const file = join(directory, "gateway.json");
  const providers = {
    fine: provider({ proxy: plain.url(`me:${PASSWORD}`) }),
    "no-password": provider({ proxy: plain.url() }),
    "other-name": provider({ baseUrl: `https://${HIDDEN}/zhipu/v1`, proxy: secure.url() }),
  };
  await writeFile(file, JSON.stringify({ providers }));
  const command = resolve("services/worker/dist/check-providers.js");
  const env = { NODE_EXTRA_CA_CERTS: authorities };
  const ended = promisify(execFile)(process.execPath, [command, "--config", file, "--json"], {
    env,
  });
  const { stdout } = await ended.catch((error: { stdout: string }) => error);
  const printed: { name: string }[] = JSON.parse(stdout).providers;
  const of = (name: string) => printed.find((one) => one.name === name);
  expect(of("fine")).toMatchObject({
    connection: {
      host: "localhost:443",
      proxy: plain.host,
      stepMs: { tcp: expect.any(Number), proxy: expect.any(Number), tls: expect.any(Number) },
    },
    answers: { warm: { connection: "warm" } },
  });
  expect(of("no-password")).toMatchObject({
    verdict: "fail",
    connection: { failed: { step: "proxy", cause: "HTTP_407" } },
    findings: [
      {
        message: expect.stringContaining(`the proxy ${plain.host}, the tunnel failed`),
        action: expect.stringContaining("user and password of the proxy"),
      },
    ],
  });
  expect(of("other-name")).toMatchObject({
    verdict: "fail",
    connection: { failed: { step: "tls", cause: "ERR_TLS_CERT_ALTNAME_INVALID" } },
  });
  expect(stdout).not.toContain(PASSWORD);
});
