/** What the autoscaler asks of Prometheus, and what it makes of the answer. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { faultsOf, selectorsOf } from "../rules/promql.ts";
import { needs } from "../tools.ts";

interface Scaled {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly fallback?: unknown;
    readonly triggers: readonly { readonly metadata: Readonly<Record<string, string>> }[];
  };
}

const scaled = parseAllDocuments(
  await readFile("deploy/kubernetes/autoscaling.yaml", "utf8"),
  // Validated by kubernetes.test.ts.
).map((document) => document.toJS() as Scaled);

const triggersOf = (name: string) =>
  scaled.find(({ metadata }) => metadata.name === name)?.spec.triggers ?? [];

test("a query asks for nothing that is not there, and no answer changes nothing", () => {
  for (const { metadata, spec } of scaled) {
    const asked = spec.triggers.filter(({ metadata: { query } }) => query !== undefined);
    expect([metadata.name, asked.length]).toEqual([metadata.name, 1]);
    for (const { metadata: trigger } of asked) {
      const selectors = selectorsOf(trigger.query ?? "");
      expect(selectors.flatMap((selector) => faultsOf(selector, new Set()))).toEqual([]);
      expect(trigger.ignoreNullValues).toBe("false");
    }
    expect(spec.fallback).toBeUndefined();
  }
});

/** Series of two edges and a worker, `undefined` if no process has them. */
interface Cluster {
  readonly zhipu?: { readonly waiting: number; readonly active: number };
  readonly nvidia1?: { readonly waiting: number; readonly active: number };
  readonly limits?: Readonly<Record<string, number>>;
}

function seriesOf({ limits = {}, ...queues }: Cluster): [string, number][] {
  const ofQueues = Object.entries(queues).flatMap(([provider, { waiting, active }]) =>
    ["edge-1", "edge-2"].flatMap((instance): [string, number][] => [
      [`openclaw_queue_waiting_runs{provider="${provider}", instance="${instance}"}`, waiting],
      [`openclaw_queue_active_runs{provider="${provider}", instance="${instance}"}`, active],
    ]),
  );
  const ofLimits = Object.entries(limits).flatMap(([provider, inForce]): [string, number][] => [
    [`openclaw_queue_limit_runs{provider="${provider}", limit="in_force"}`, inForce],
    [`openclaw_queue_limit_runs{provider="${provider}", limit="configured"}`, 1_000],
  ]);
  return [...ofQueues, ...ofLimits];
}

describe("the trigger of the workers", () => {
  needs("promtool");

  test("workers are for the runs that accounts take, and those alone", async () => {
    const [trigger] = triggersOf("openclaw-worker");
    const limits = { zhipu: 100, nvidia1: 300 };
    const zhipu = { waiting: 500, active: 90 };
    const nvidia1 = { waiting: 20, active: 30 };
    const cases: { cluster: Cluster; runs: number | undefined }[] = [
      { cluster: { zhipu, nvidia1, limits }, runs: 100 + 50 },
      { cluster: { zhipu, nvidia1, limits: { zhipu: 100 } }, runs: 100 + 50 },
      // No worker is alive.
      { cluster: { zhipu, nvidia1 }, runs: 590 + 50 },
      { cluster: { zhipu: { waiting: 0, active: 0 }, limits }, runs: 0 },
      // Redis is away.
      { cluster: { limits }, runs: undefined },
    ];
    const tests = cases.map(({ cluster, runs }) => ({
      input_series: seriesOf(cluster).map(([series, values]) => ({ series, values: `${values}` })),
      promql_expr_test: [
        {
          expr: trigger?.metadata.query,
          eval_time: "0s",
          exp_samples: runs === undefined ? [] : [{ labels: "{}", value: runs }],
        },
      ],
    }));
    const directory = await mkdtemp(join(tmpdir(), "openclaw-test-autoscaling-"));
    try {
      const path = join(directory, "tests.yml");
      // JSON is YAML.
      await writeFile(path, JSON.stringify({ rule_files: [], tests }));
      await expect(promisify(execFile)("promtool", ["test", "rules", path])).resolves.toBeDefined();
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
