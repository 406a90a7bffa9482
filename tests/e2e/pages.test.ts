/** Web pages in a real browser: of an allowed origin, of a stranger's, and behind a name that was rebound. */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { directive, INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import { Cluster, TcpProxy } from "@openclaw/testing";
import { type Browser, chromium, type Page } from "playwright-core";
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from "vitest";
import { needs } from "../tools.ts";
import { simulatedGateway, startSimulator } from "./simulated-gateway.ts";

const SCRIPT = readFileSync(new URL("page.js", import.meta.url), "utf8");
// A classic script, whose functions are the page's own.
const HTML = `<!doctype html><meta charset="utf-8"><body><script>${SCRIPT.replaceAll(/^export /gm, "")}</script>`;
const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
  "--host-resolver-rules=MAP *.test 127.0.0.1",
];
const TEXT = "one two three four five";
const asked = directive({ pieces: TEXT.split(/(?= )/), gapMs: 30 });

const isThere = needs("chromium");

let simulator: Simulator;
let cluster: Cluster;
let site: Server;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  if (!isThere) return;
  // Each reply has a connection of its own, so that the next may lead elsewhere.
  const headers = { "content-type": "text/html", connection: "close" };
  site = createServer((_, response) => response.writeHead(200, headers).end(HTML));
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  simulator = await startSimulator(profilesAt(INSTANT));
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: simulatedGateway(simulator.url),
    edges: 1,
    workers: 1,
    env: { EDGE_ALLOWED_ORIGINS: siteOf("app.test") },
  });
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
});

beforeEach(async () => {
  if (isThere) page = await browser.newPage();
});

afterAll(async () => {
  await browser?.close();
  await cluster?.stop();
  await simulator?.stop();
  site?.close();
});

function siteOf(name: string): string {
  // Listening on TCP, so the address is no path.
  return `http://${name}:${(site.address() as AddressInfo).port}`;
}

/** Calls a function of the page's script. */
function call(name: string, ...args: readonly string[]): Promise<unknown> {
  const list = args.map((arg) => JSON.stringify(arg)).join(", ");
  return page.evaluate(`${name}(${list}).catch(({ name }) => name)`);
}

const gateway = () => `http://${cluster.host}`;
const purchases = () => simulator.stats().total.requests;

async function refusals(): Promise<number> {
  const scraped = await cluster.scrape("edge");
  return scraped.sum("openclaw_refusals_total", { code: "origin_not_allowed" });
}

/** A run that exists, and whose id the stranger knows. */
async function runOfOthers(): Promise<string> {
  const response = await fetch(`${gateway()}/v1/runs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ message: asked, provider: "zhipu" }),
  });
  const { id } = (await response.json()) as { id: string };
  return id;
}

/** Opens a page whose address leads to the gateway once it is there: the browser's name for both is the same. */
async function openRebound(name: string): Promise<string> {
  const to = (url: string) => ({ host: "127.0.0.1", port: Number(new URL(url).port) });
  const proxy = await TcpProxy.start(to(siteOf(name)));
  onTestFinished(() => proxy.stop());
  const origin = `http://${name}:${proxy.port}`;
  await page.goto(origin);
  proxy.target = () => to(gateway());
  return origin;
}

/** Whatever a page may try gets nothing, asks no provider, and is refused as often as it reaches the gateway. */
async function expectNothing(base: string): Promise<void> {
  const run = await runOfOthers();
  await expect.poll(purchases).toBe(1 + before.purchases);
  expect(await call("followed", base, run)).toEqual({ outcome: "closed", text: "" });
  expect(await call("talked", base, asked)).toEqual({ code: 1006, text: "" });
  await call("sentAsForm", base, asked);
  expect(purchases()).toBe(1 + before.purchases);
  expect(await refusals()).toBeGreaterThan(before.refusals + 2);
}

let before: { purchases: number; refusals: number };

beforeEach(async () => {
  if (isThere) before = { purchases: purchases(), refusals: await refusals() };
});

describe("a page", () => {
  test("of an allowed origin streams, follows a run, and talks over WebSocket", async () => {
    await page.goto(siteOf("app.test"));
    expect(await call("streamed", gateway(), asked)).toMatchObject({
      status: 200,
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      isStreamed: true,
      text: TEXT,
    });
    const run = await call("started", gateway(), asked);
    const whole = { outcome: "done", text: TEXT };
    expect(await call("followed", gateway(), String(run))).toEqual(whole);
    expect(await call("talked", gateway(), asked)).toMatchObject({ text: TEXT });
    expect(purchases()).toBe(before.purchases + 3);
    expect(await refusals()).toBe(before.refusals);
  });

  test("of a foreign origin gets nothing and spends nothing", async () => {
    await page.goto(siteOf("evil.test"));
    for (const path of ["/stats", "/health", "/v1/models"]) {
      expect(await call("read", gateway(), path)).toBe("TypeError");
    }
    expect(await call("streamed", gateway(), asked)).toBe("TypeError");
    expect(await call("sentBlindly", gateway(), asked)).toBe("opaque");
    await expectNothing(gateway());
  });

  test("behind a name that was rebound to the gateway gets nothing and spends nothing", async () => {
    const evil = await openRebound("rebound.test");
    for (const path of ["/stats", "/health", "/v1/models"]) {
      expect(await call("read", evil, path)).toBe(403);
    }
    expect(await call("streamed", evil, asked)).toMatchObject({ status: 403, text: "" });
    await expectNothing(evil);
  });

  test("of a loopback name, which came in the same way, is served", async () => {
    const own = await openRebound("localhost");
    expect(await call("read", own, "/stats")).toBe(200);
    expect(await call("streamed", own, asked)).toMatchObject({ status: 200, text: TEXT });
    expect(await call("talked", own, asked)).toMatchObject({ text: TEXT });
  });
});
