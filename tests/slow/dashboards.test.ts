/**
 * An operator's view of a real cluster under load, by way of a real Prometheus. Every query of every panel and rule is
 * answered, agrees with the users' own figures, and names the provider that turned slow.
 *
 * `npm run dashboards:check`.
 */
import { INSTANT, profilesAt, type Simulator } from "@openclaw/simulator";
import {
  agrees,
  Cluster,
  type ClusterProcess,
  eventually,
  type TimedAnswer,
} from "@openclaw/testing";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { DASHBOARDS, FIRED } from "../../deploy/grafana/src/index.ts";
import {
  type DashboardName,
  faultsNarrowed,
  shownBy,
  unansweredBy,
  untilNone,
} from "../dashboards/answers.ts";
import { hurried } from "../dashboards/hurried.ts";
import { gatewayOf, Load, TIMED, Users } from "../dashboards/load.ts";
import { Prometheus } from "../dashboards/prometheus.ts";
import {
  type Chosen,
  filledIn,
  NAMES,
  panelsOf,
  queriesOf,
  rateIntervalSeconds,
} from "../dashboards/queries.ts";
import { startSimulator } from "../e2e/simulated-gateway.ts";
import { faultsOf, selectorsOf, textOf } from "../rules/promql.ts";
import { readRules, recordedBy, ruleFiles } from "../rules/rule-files.ts";
import { sizeOf } from "../suites.ts";
import { needs } from "../tools.ts";

const FIRST_TEXT = "gen_ai_server_time_to_first_token_seconds";
const OF_TIMED = `{provider="${TIMED}"}`;
const rules = readRules();
/** As in Grafana, though here is a scrape each second: an operator sees this. */
const WINDOW = `${rateIntervalSeconds()}s`;

let simulator: Simulator;
let cluster: Cluster;
let prometheus: Prometheus;
/** The same cluster seen by rules that are in a hurry. */
let soon: Prometheus;
let users: Users;

const hasPrometheus = needs("prometheus");

beforeAll(async () => {
  if (!hasPrometheus) return;
  simulator = await startSimulator(profilesAt(INSTANT));
  // How much of it is used is a share of something; more than this test needs, and less than is a risk.
  await limitRedis("1gb");
  cluster = await Cluster.start({
    redisUrl: inject("redisUrl"),
    gateway: gatewayOf(simulator.url),
    env: { LOG_LEVEL: "warn" },
  });
  users = new Users(() => cluster.url());
  const hostOf = ({ admin }: ClusterProcess) => new URL(admin("/")).host;
  const jobs = {
    "openclaw-edge": cluster.running("edge").map(hostOf),
    "openclaw-worker": cluster.running("worker").map(hostOf),
  };
  const evaluated = ruleFiles().map(atOnce);
  [prometheus, soon] = await Promise.all([
    Prometheus.start({ jobs, rules: evaluated }),
    Prometheus.start({ jobs, rules: ruleFiles().map(hurried) }),
  ]);
});

afterAll(async () => {
  if (!hasPrometheus) return;
  await limitRedis("0");
  await Promise.all([prometheus?.stop(), soon?.stop()]);
  await cluster?.stop();
  await simulator?.stop();
});

async function limitRedis(maxmemory: string): Promise<void> {
  const redis = new Redis(inject("redisUrl"));
  await redis.config("SET", "maxmemory", maxmemory);
  redis.disconnect();
}

const shown = (name: DashboardName, title: string, chosen: Chosen) =>
  shownBy(prometheus, { name, title, chosen });

/** Rules of long windows are evaluated every minute, and look every minute or every five; a test cannot wait for that. */
function atOnce(text: string): string {
  return text.replaceAll("interval: 1m", "interval: 1s").replace(/:\dm\]/g, ":1s]");
}

/** What is unknown to the catalogue. */
function unknownOf(expressions: readonly string[]): string[] {
  const recorded = recordedBy(rules);
  return expressions.flatMap(selectorsOf).flatMap((one) => faultsOf(one, recorded));
}

const dashboards = NAMES.map((name) => {
  const panels = panelsOf(DASHBOARDS[name]);
  const queries = panels
    .flatMap(queriesOf)
    .map((query) => ({ ...query, filled: filledIn(query.expr, { window: WINDOW }) }));
  return { name, panels, queries };
});
/** An alert that does not fire has no data, so its selectors are asked instead. */
const ruled = rules.flatMap(({ alert, expr }) =>
  alert === undefined ? [atOnce(expr)] : selectorsOf(expr).map(textOf),
);

// First, as of the load that follows some is to fail, which alerts go on telling for a while.
test("a provider turns slow: its region's share falls, its alert fires (by the rules with hours made minutes), and the longest phase is the provider's", async () => {
  const domestic = '{target="domestic", measure="first_text"}';
  const share = async () =>
    (await soon.query(`openclaw:target_met:ratio5m${domestic}`))[0]?.value ?? Number.NaN;
  const firing = async () =>
    (await soon.query(FIRED)).map(
      ({ labels }) => `${labels.alertname} ${labels.target} ${labels.measure}`,
    );
  const alert = "OpenClawTargetMissedFast domestic first_text";
  const another = "OpenClawTargetMissedFast overseas_warm first_text";
  const promptly = new Load([() => users.framed("zhipu"), () => users.framed("hunyuan")]);
  const before = await eventually("a share", async () => (await share()) || undefined, {
    everyMs: 250,
  });
  await promptly.stop();
  const late = () => users.framed("zhipu", { firstTokenMs: 1_300 });
  const inTime = () => users.framed("hunyuan");
  const load = new Load([...Array.from({ length: 10 }, () => late), inTime, inTime]);
  const fired = await eventually(
    "the alert, and a share that fell",
    async () => {
      const all = await firing();
      return all.includes(alert) && (await share()) < 0.75 && all;
    },
    { withinMs: 40_000, everyMs: 250 },
  );
  const after = await share();
  const now = { window: "5s", longWindow: "5s", provider: "zhipu" };
  const phases = await shown("run-anatomy", "Now", now);
  await load.stop();
  const [longest] = phases.toSorted((a, b) => b.value - a.value);
  console.log(
    `domestic first text within target: ${inPercent(before)}, then ${inPercent(after)}; ` +
      `longest phase ${longest?.legend}, ${inMs(longest?.value)}`,
  );
  expect(before).toBeGreaterThan(0.9);
  expect(fired).not.toContain(another);
  expect(["response_headers", "first_token"]).toContain(longest?.legend);
  expect(longest?.value).toBeGreaterThan(1.2);
});

describe("under load", () => {
  let empty: ReadonlySet<string>;
  let narrowed: readonly string[];
  let wholeLoad: Chosen;
  const measured: TimedAnswer[] = [];

  beforeAll(async () => {
    if (!hasPrometheus) return;
    // The first run of an edge makes its series, and a rate knows only of what came after that.
    let early = 0;
    await eventually(
      "runs at both edges",
      async () => {
        await users.timed();
        early += 1;
        const seen = await prometheus.query(`count by (instance) (${FIRST_TEXT}_count${OF_TIMED})`);
        return seen.length === 2;
      },
      { withinMs: 20_000 },
    );
    await toldOf(early);
    const load = new Load(users.everyKind());
    const queries = dashboards.flatMap((dashboard) =>
      dashboard.queries.map(({ filled }) => filled),
    );
    empty = await unansweredBy(prometheus, [...queries, ...ruled]);
    narrowed = await narrowedFaults();
    // Only then: so many queries at once would be felt by the users with a watch, who are of this process.
    const beganAt = performance.now();
    const withWatch = async () => void measured.push(await users.timed());
    const watched = new Load(Array.from({ length: 5 }, () => withWatch));
    await eventually("enough to judge by", () => measured.length >= sizeOf("dashboards"), {
      withinMs: 60_000,
    });
    await Promise.all([load.stop(), watched.stop()]);
    await toldOf(early + measured.length);
    const seconds = Math.ceil((performance.now() - beganAt) / 1_000);
    const window = `${seconds}s`;
    wholeLoad = { window, longWindow: window, provider: TIMED };
  });

  /** Until Prometheus knows of every run of those with a watch, and of no more. */
  async function toldOf(runs: number): Promise<void> {
    await eventually(`a scrape that has ${runs} runs`, async () => {
      const [told] = await prometheus.query(`sum(${FIRST_TEXT}_count${OF_TIMED})`);
      return told?.value === runs;
    });
  }

  /** Each panel as it is with one provider chosen, and with one node. */
  async function narrowedFaults(): Promise<readonly string[]> {
    const queries = dashboards.flatMap((dashboard) => dashboard.queries);
    const providers = Object.keys(gatewayOf(simulator.url).providers);
    const ready = await prometheus.query("openclaw_ready");
    const nodes = ready.map(({ labels: { instance = "" } }) => instance);
    const chosen = [
      { by: "provider", values: providers, window: WINDOW },
      { by: "node", values: nodes, window: WINDOW },
    ] as const;
    return await untilNone(async () => {
      const faults = chosen.map((one) => faultsNarrowed(prometheus, queries, one));
      return (await Promise.all(faults)).flat();
    });
  }

  test("narrowed to one provider or one node, every panel has an answer, and of nobody else", () => {
    expect(narrowed).toEqual([]);
  });

  test("what would be empty or of others when narrowed is seen", async () => {
    const [{ labels = {} } = {}] = await prometheus.query("openclaw_open_runs");
    const seen = (expr: string, by: "provider" | "node", value = "") =>
      faultsNarrowed(prometheus, [{ panel: "a panel", expr, legend: "" }], {
        by,
        values: [value],
        window: WINDOW,
      });
    // Of an edge and of a worker: no node has both.
    const apart =
      'sum(openclaw_open_runs{instance=~"$node"}) + sum(openclaw_active_attempts{instance=~"$node"})';
    expect(await seen(apart, "node", labels.instance)).toEqual(["a panel: empty for each node"]);
    const others = 'count by (provider) (openclaw_provider_info{provider!="$provider"})';
    expect(await seen(others, "provider", TIMED)).toEqual([
      expect.stringMatching(/zhipu.* where nvidia2 is chosen$/),
    ]);
  });

  test.each(dashboards)(
    "$name: every query is answered, and asks for nothing unknown",
    ({ name, panels, queries }) => {
      const silent = queries.filter(({ filled }) => empty.has(filled));
      const unknown = unknownOf(queries.map(({ filled }) => filled));
      console.log(
        `${name}: ${panels.length} panels, ${queries.length} queries, ${silent.length} empty, ${unknown.length} unknown`,
      );
      expect({ silent, unknown }).toEqual({ silent: [], unknown: [] });
    },
  );

  test("rules: every expression is answered, and asks for nothing unknown", () => {
    const silent = ruled.filter((expr) => empty.has(expr));
    const unknown = unknownOf(ruled);
    console.log(
      `rules: ${rules.length} rules, ${ruled.length} queries, ${silent.length} empty, ${unknown.length} unknown`,
    );
    expect({ silent, unknown }).toEqual({ silent: [], unknown: [] });
  });

  test("what would be empty is seen", async () => {
    expect(await prometheus.hasData('openclaw_nodes{kind="worker"}')).toBe(true);
    expect(await prometheus.hasData('openclaw_nodes{kind="neither"}')).toBe(false);
    expect(await prometheus.hasData("openclaw_ready * NaN")).toBe(false);
    await expect(prometheus.hasData("sum(")).rejects.toThrow("parse error");
  });

  test("cold and warm connections are told apart", async () => {
    const runs = await prometheus.query(
      `count by (connection) (${FIRST_TEXT}_bucket{region="overseas"})`,
    );
    const told = runs.map(({ labels }) => labels.connection);
    expect(told).toEqual(expect.arrayContaining(["cold", "warm"]));
  });

  test("percentiles of first text agree with users' own watches, within 5 % or one bucket", async () => {
    const bounds = await boundsOfFirstText();
    const own = measured.map(({ firstText }) => firstText).toSorted((a, b) => a - b);
    for (const [name, q] of [
      ["p50", 0.5],
      ["p95", 0.95],
      ["p99", 0.99],
    ] as const) {
      const [told] = await shown("users-view", `First text, ${name}`, wholeLoad);
      const byWatch = own[Math.ceil(q * own.length) - 1] ?? Number.NaN;
      console.log(
        `first text ${name}: ${inMs(told?.value)} shown, ${inMs(byWatch)} by ${own.length} watches`,
      );
      expect([name, agrees(bounds, told?.value ?? Number.NaN, byWatch)]).toEqual([name, true]);
    }
  });

  test("the stack of phases is as high as users waited on average, within 10 %", async () => {
    const phases = await shown("run-anatomy", "Until the first text", wholeLoad);
    const height = phases.reduce((sum, { value }) => sum + value, 0);
    const waited = measured.reduce((sum, { firstText }) => sum + firstText, 0) / measured.length;
    console.log(`stack of ${phases.length} phases: ${inMs(height)}, ${inMs(waited)} by watches`);
    expect(Math.abs(height - waited)).toBeLessThan(0.1 * waited);
  });
});

const inMs = (seconds: number | undefined) => `${Math.round(1_000 * (seconds ?? Number.NaN))} ms`;
const inPercent = (share: number) => `${Math.round(100 * share)} %`;

/** Upper bounds of the buckets of first text, in order. */
async function boundsOfFirstText(): Promise<number[]> {
  const buckets = await prometheus.query(`group by (le) (${FIRST_TEXT}_bucket${OF_TIMED})`);
  // `+Inf` is a number to `Number` only with its whole name.
  const bounds = buckets.map(({ labels: { le = "" } }) => Number(le.replace("Inf", "Infinity")));
  return bounds.sort((a, b) => a - b);
}
