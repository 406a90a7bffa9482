/** The rules of deploy/prometheus: what they ask for exists, what they say is explained, and they fire when they should. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { needs } from "../tools.ts";
import { faultsOf, selectorsOf } from "./promql.ts";
import { readRules, recordedBy, ruleFiles } from "./rule-files.ts";

const TESTS = "deploy/prometheus/tests";

const rules = readRules();
const alerts = rules.filter(({ alert }) => alert !== undefined);
const recorded = recordedBy(rules);

describe("rules", () => {
  test.each(rules.map(({ alert, record, expr }) => [alert ?? record, expr]))(
    "%s asks for nothing that is not there",
    (_, expr = "") => {
      const selectors = selectorsOf(expr);
      expect(selectors.flatMap((selector) => faultsOf(selector, recorded))).toEqual([]);
      expect(selectors.length + Number(/^vector\(/.test(expr))).toBeGreaterThan(0);
    },
  );

  test("what would be wrong is seen", () => {
    const faults = (expr: string) => selectorsOf(expr).flatMap((one) => faultsOf(one, recorded));
    expect(faults('sum(rate(openclaw_run_total{code="internal"}[5m]))')).toHaveLength(1);
    expect(faults('openclaw_nodes{kid="worker"}')).toEqual(["openclaw_nodes has no label kid"]);
    expect(faults('openclaw_nodes{kind="workers"} > 0')).toEqual(["kind is never workers"]);
    expect(faults("openclaw_nodes_bucket")).toHaveLength(1);
    expect(() => faults("sum(")).toThrow("not PromQL");
  });

  test("every share over 5 m, 1 h and 1 d is recorded", () => {
    for (const window of ["5m", "1h", "1d"]) {
      expect(recorded).toContain(`openclaw:target_met:ratio${window}`);
    }
  });

  test("the jobs they ask for are those that the shipped Prometheus scrapes", () => {
    const shipped: { scrape_configs: { job_name: string }[] } = parse(
      readFileSync("deploy/prometheus/prometheus.yml", "utf8"),
    );
    const jobs = shipped.scrape_configs.map(({ job_name }) => job_name);
    const asked = ruleFiles().flatMap((text) =>
      [...text.matchAll(/job=(~?)"([^"]+)"/g)].map(([, fits, value = ""]) =>
        fits ? new RegExp(`^(?:${value})$`) : value,
      ),
    );
    expect(asked.length).toBeGreaterThan(0);
    for (const one of asked) {
      expect(jobs.some((job) => (typeof one === "string" ? one === job : one.test(job)))).toBe(
        true,
      );
    }
  });

  test("every alert has a summary, a severity, and a runbook that exists", () => {
    const anchors = readFileSync("docs/operations.md", "utf8")
      .split("\n")
      .filter((line) => line.startsWith("#"))
      .map((line) => line.replace(/^#+ /, "").toLowerCase().replaceAll(" ", "-"));
    for (const { alert, labels, annotations } of alerts) {
      expect([alert, labels?.severity]).toEqual([alert, expect.stringMatching(/^(page|ticket)$/)]);
      expect([alert, annotations?.summary]).toEqual([alert, expect.any(String)]);
      // Not `runbook_url`: it is a file of this repository, and would be shown as a link that leads nowhere.
      const [page, anchor] = annotations?.runbook?.split("#") ?? [];
      expect([alert, page]).toEqual([alert, "docs/operations.md"]);
      expect(anchors).toContain(anchor);
    }
  });
});

describe("promtool", () => {
  needs("promtool");

  test("every alert fires when it should, and not when it should not", async () => {
    const files = readdirSync(TESTS);
    await expect(
      promisify(execFile)("promtool", ["test", "rules", ...files], { cwd: TESTS }),
    ).resolves.toBeDefined();
    const tested = files.map((file) => readFileSync(`${TESTS}/${file}`, "utf8")).join("\n");
    const untested = alerts.filter(({ alert }) => {
      const cases = tested.split(`- alertname: ${alert}\n`).slice(1);
      const fires = cases.filter((text) => /^ +eval_time: \w+\n +exp_alerts:\n/.test(text)).length;
      return fires === 0;
    });
    expect(untested).toEqual([]);
  }, 300_000);
});
