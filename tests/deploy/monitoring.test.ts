/** The configurations of Prometheus and Alertmanager, shipped and in docs/deployment.md, pass the checks of their own tools. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { needs } from "../tools.ts";

const run = promisify(execFile);

test.each(["targets", "alerts"])("the rules %s fit into a PrometheusRule", (name) => {
  const spec = parse(readFileSync(`deploy/prometheus/rules/${name}.yml`, "utf8"));
  const rule = new PrometheusRule({ metadata: { name }, spec });
  expect(() => rule.validate()).not.toThrow();
});

describe("promtool takes", () => {
  needs("promtool");
  const documented = readFileSync("docs/deployment.md", "utf8")
    .split("```yaml\n")
    .slice(1)
    .map((block) => block.split("```", 1).join())
    .filter((block) => block.startsWith("scrape_configs:"));

  test("there are configurations in docs/deployment.md", () => {
    expect(documented).toHaveLength(2);
  });

  test.each(documented)("a documented configuration", async (text) => {
    const directory = mkdtempSync(join(tmpdir(), "openclaw-test-prometheus-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "prometheus.yml");
    // Debian builds it without what finds pods.
    writeFileSync(path, text.replace(/kubernetes_sd_configs: .*/, "static_configs: []"));
    await expect(run("promtool", ["check", "config", path])).resolves.toBeDefined();
  });

  test("the shipped configuration", async () => {
    const checked = run("promtool", ["check", "config", "deploy/prometheus/prometheus.yml"]);
    await expect(checked).resolves.toBeDefined();
  });
});

describe("amtool takes", () => {
  needs("amtool");

  test("the shipped configuration", async () => {
    const checked = run("amtool", ["check-config", "deploy/alertmanager/alertmanager.yml"]);
    await expect(checked).resolves.toMatchObject({
      stdout: expect.stringContaining("1 receivers"),
    });
  });
});
