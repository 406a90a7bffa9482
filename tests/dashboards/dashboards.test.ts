/**
 * The dashboards of deploy/grafana: Grafana reads what the code writes, complete, and every metric that they ask for
 * exists. Whether it gets an answer under load: tests/slow/dashboards.test.ts.
 *
 * `npm test -- --update` brings the JSON up to date.
 */
import { readdirSync, readFileSync } from "node:fs";
import type { Dashboard, GridPos } from "@grafana/grafana-foundation-sdk/dashboard";
import * as units from "@grafana/grafana-foundation-sdk/units";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { DASHBOARDS, FIRED } from "../../deploy/grafana/src/index.ts";
import { faultsOf, selectorsOf } from "../rules/promql.ts";
import { readRules, recordedBy } from "../rules/rule-files.ts";
import { filledIn, NAMES, panelsOf, queriesOf, rateIntervalSeconds } from "./queries.ts";

const FOLDER = "deploy/grafana";
const recorded = recordedBy(readRules());
const alerts = new Set(readRules().flatMap(({ alert = [] }) => alert));
const UNITS = new Set<unknown>(Object.values(units));

test("there is no other dashboard", () => {
  expect(readdirSync(`${FOLDER}/dashboards`).sort()).toEqual(
    NAMES.map((name) => `${name}.json`).sort(),
  );
});

describe.each(NAMES)("%s", (name) => {
  // The builders' own type says less than what they build.
  const dashboard: Dashboard = DASHBOARDS[name];
  const panels = panelsOf(dashboard);

  test("its JSON is what its code says", async () => {
    const json = `${JSON.stringify(dashboard, null, 2)}\n`;
    await expect(json).toMatchFileSnapshot(`../../${FOLDER}/dashboards/${name}.json`);
  });

  test("every panel says what it shows, in which unit, and has something to ask", () => {
    for (const panel of panels) {
      const { title, description, fieldConfig, datasource } = panel;
      expect([title, description]).toEqual([
        expect.stringMatching(/./),
        expect.stringMatching(/\.$/),
      ]);
      const unit = fieldConfig?.defaults.unit ?? "";
      expect([title, unit, UNITS.has(unit) || /^suffix: ./.test(unit)]).toEqual([
        title,
        unit,
        true,
      ]);
      expect(fieldConfig?.defaults.thresholds?.steps[0]?.value).toBeNull();
      expect([title, datasource?.uid]).toEqual([title, "${datasource}"]);
      expect([title, queriesOf(panel).length > 0]).toEqual([title, true]);
    }
  });

  test("no two panels have a place or an id in common", () => {
    const taken = new Map<string, string | undefined>();
    for (const { title, gridPos } of panels) {
      for (const cell of cellsOf(gridPos)) {
        expect([title, cell, taken.get(cell)]).toEqual([title, cell, undefined]);
        taken.set(cell, title);
      }
    }
    const ids = dashboard.panels?.map(({ id }) => id) ?? [];
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("it asks for nothing that is not there", () => {
    const faults = panels.flatMap(queriesOf).flatMap(({ panel, expr }) => {
      const selectors = selectorsOf(filledIn(expr, { window: "1m" }));
      if (selectors.length === 0) return [`${panel} asks for nothing`];
      return selectors
        .flatMap((one) => faultsOf(one, recorded))
        .map((fault) => `${panel}: ${fault}`);
    });
    expect(faults).toEqual([]);
  });

  test("what is shown as of now is asked for now, and all else over time", () => {
    for (const { title, type, targets = [] } of panels) {
      const isNow = type === "stat" || type === "bargauge";
      for (const asked of targets) {
        expect([title, asked]).toEqual([
          title,
          expect.objectContaining({ instant: isNow, range: !isNow }),
        ]);
      }
    }
  });

  test("percentiles, means and shares are of five minutes", () => {
    for (const { expr } of panels.flatMap(queriesOf)) {
      if (!/rate\(.* \/ |histogram_quantile/.test(expr)) continue;
      expect(expr).toContain("[5m]");
      expect(expr).not.toContain("$__rate_interval");
    }
  });

  test("what a legend names is kept by its query", () => {
    for (const { expr, legend } of panels.flatMap(queriesOf)) {
      const kept = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, by = ""]) => by.split(", "));
      if (kept.length === 0) continue;
      for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
        expect([expr, kept]).toEqual([expr, expect.arrayContaining([label])]);
      }
    }
  });

  test("it can be narrowed by provider and node, and leads to the others", () => {
    const variables = dashboard.templating.list?.map((variable) => variable.name);
    expect(variables).toEqual(["datasource", "provider", "node"]);
    expect(dashboard.links).toEqual([
      expect.objectContaining({ type: "dashboards", tags: dashboard.tags, includeVars: true }),
    ]);
    const led = panels.flatMap(({ fieldConfig }) => fieldConfig?.defaults.links ?? []);
    const known = Object.values(DASHBOARDS).map(({ uid }) => uid);
    for (const { url = "" } of led) expect(known).toContain(/^\/d\/([\w-]+)\?/.exec(url)?.[1]);
  });
});

test("the alerts that are drawn are those of the rules", () => {
  const [selector] = selectorsOf(FIRED);
  const named = selector?.matchers.find(({ label }) => label === "alertname");
  for (const alert of alerts) expect(alert).toMatch(new RegExp(`^(${named?.value})$`));
});

test("no rate is taken over less than a minute", () => {
  expect(rateIntervalSeconds()).toBeGreaterThanOrEqual(60);
});

test("what is provisioned is the datasource of the dashboards, and their folder", () => {
  const read = (kind: string, file: string) =>
    parse(readFileSync(`${FOLDER}/provisioning/${kind}/${file}.yml`, "utf8"));
  const { datasources } = read("datasources", "prometheus");
  expect(datasources).toEqual([expect.objectContaining({ type: "prometheus", isDefault: true })]);
  const { providers } = read("dashboards", "openclaw");
  expect(providers).toEqual([expect.objectContaining({ type: "file", allowUiUpdates: false })]);
});

function cellsOf({ x, y, w, h }: GridPos = { x: 0, y: 0, w: 0, h: 0 }): string[] {
  expect(x + w).toBeLessThanOrEqual(24);
  return Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`);
}
