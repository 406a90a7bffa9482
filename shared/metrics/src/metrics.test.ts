import { beforeEach, expect, test } from "vitest";
import { CATALOGUE, type MetricDefinition } from "./catalogue.ts";
import { LABELS } from "./labels.ts";
import { Metrics } from "./metrics.ts";

const TARGETS = { domestic: { firstTextMs: 1_700, fullMs: 10_000 } };

const gateway = { current: configure() };
let metrics: Metrics;

beforeEach(() => {
  gateway.current = configure("zhipu", "nvidia2");
  metrics = create("edge");
});

function configure(...names: string[]) {
  const provider = { model: "glm", region: "domestic" } as const;
  return {
    providers: Object.fromEntries(names.map((name) => [name, provider])),
    targets: TARGETS,
  };
}

function create(kind: "edge" | "worker"): Metrics {
  return new Metrics({ kind, gateway, node: false });
}

async function lines(of: Metrics = metrics): Promise<string[]> {
  return (await of.read()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

const run = { region: "domestic", connection: "warm", outcome: "completed" } as const;

test("the edge of a configured target is a bound, and the very edge is within it", async () => {
  const firstText = metrics.histogram("gen_ai_server_time_to_first_token_seconds");
  firstText.observe({ provider: "zhipu", ...run }, 1.7);
  const within = async (le: string) =>
    (await lines())
      .find((line) => line.includes(`le="${le}"`))
      ?.split(" ")
      .at(-1);
  expect(await Promise.all(["1.5", "1.7", "2", "+Inf"].map(within))).toEqual(["0", "1", "1", "1"]);
});

test("a flood of names that nobody configured adds one series to each metric", async () => {
  const errors = metrics.counter("openclaw_run_errors_total");
  const whole = metrics.histogram("gen_ai_server_request_duration_seconds");
  errors.inc({ provider: "zhipu", code: "internal" });
  whole.observe({ provider: "zhipu", ...run }, 1);
  const before = await lines();
  const ofOne = before.filter((line) => /_duration_seconds|"zhipu",code="internal"/.test(line));
  const flood = async (from: number) => {
    for (let n = from; n < from + 1_000; n += 1) {
      errors.inc({ provider: `provider-${n}`, code: "internal" });
      whole.observe({ provider: `session-${n}`, ...run }, 1);
    }
    return (await lines()).length;
  };
  const after = await flood(0);
  expect(after - before.length).toBe(ofOne.length);
  expect(await flood(1_000)).toBe(after);
});

test("all that a counter may count is 0 before it happens, also for a provider that is new", async () => {
  metrics.counter("openclaw_run_cancels_total");
  metrics.counter("openclaw_gaps_filled_total");
  metrics.counter("openclaw_target_runs_total", { isSparse: true });
  const reasons = LABELS.reason.map((reason) => `reason="${reason}"`);
  const cancels = (provider: string) =>
    reasons.map((reason) => `openclaw_run_cancels_total{provider="${provider}",${reason}} 0`);
  const gaps = "openclaw_gaps_filled_total 0";
  expect((await lines()).sort()).toEqual([...cancels("nvidia2"), ...cancels("zhipu"), gaps].sort());
  gateway.current = configure("hunyuan");
  expect((await lines()).sort()).toEqual([...cancels("hunyuan"), gaps].sort());
});

test("with a provider go its series, and come back when it does", async () => {
  const errors = metrics.counter("openclaw_run_errors_total");
  const characters = create("worker");
  const cells = characters.counter("openclaw_answer_characters_total");
  const gaps = characters.hot("gen_ai_client_operation_time_per_output_chunk_seconds");
  const count = () => {
    errors.inc({ provider: "nvidia2", code: "internal" });
    cells.cell({ provider: "nvidia2", content: "text" }).value += 5;
    gaps.cell({ provider: "nvidia2" }).observe(0.02);
  };
  const of = async (name: string) =>
    [...(await lines()), ...(await lines(characters))].filter((line) => line.includes(name)).length;
  count();
  expect(await of("nvidia2")).toBeGreaterThan(20);
  gateway.current = configure("zhipu");
  expect(await of("nvidia2")).toBe(0);
  count();
  expect(await of("nvidia2")).toBe(0);
  expect(await of("other")).toBeGreaterThan(20);
  gateway.current = configure("zhipu", "nvidia2");
  count();
  expect(await of("nvidia2")).toBeGreaterThan(20);
});

test("a hot histogram says what prom-client's own would", async () => {
  const worker = create("worker");
  const hot = worker.hot("gen_ai_client_operation_time_per_output_chunk_seconds");
  const other = create("worker");
  const plain = other.histogram("gen_ai_client_operation_time_per_output_chunk_seconds");
  const cell = hot.cell({ provider: "zhipu" });
  for (const gap of [0, 0.001, 0.0011, 0.05, 0.3, 59.999, 60, 61]) {
    cell.observe(gap);
    plain.observe({ provider: "zhipu" }, gap);
  }
  const sorted = (text: string) =>
    text.replace(/\{(.*)\}/g, (_, all: string) => `{${all.split(",").sort().join(",")}}`);
  expect(sorted((await worker.read()).trim())).toBe(sorted((await other.read()).trim()));
});

test("a gauge tells what is so now, and nothing where nobody knows", async () => {
  const waiting = metrics.gauge("openclaw_queue_waiting_runs");
  let known: [{ provider: string }, number][] = [[{ provider: "zhipu" }, 3]];
  waiting.from(() => known);
  expect(await lines()).toEqual(['openclaw_queue_waiting_runs{provider="zhipu"} 3']);
  known = [];
  expect(await lines()).toEqual([]);
});

test("what counts is there from the start, so that its first increase is seen", async () => {
  metrics.counter("openclaw_stuck_runs_total");
  expect(await lines()).toEqual(["openclaw_stuck_runs_total 0"]);
});

test("names follow the rules of Prometheus", () => {
  const wrong = Object.entries<MetricDefinition>(CATALOGUE).filter(([name, { type }]) => {
    if (!/^(openclaw|gen_ai_(client|server))_[a-z_]+$/.test(name)) return true;
    return (type === "counter") !== name.endsWith("_total");
  });
  expect(wrong).toEqual([]);
  const durations = Object.entries<MetricDefinition>(CATALOGUE).filter(
    ([, { buckets }]) => buckets,
  );
  const units = durations.map(([name]) => /_(seconds|entries|usage)$/.test(name));
  expect(units.every(Boolean)).toBe(true);
});
