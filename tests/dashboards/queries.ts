/** What the panels of a dashboard ask Prometheus for. */
import { readFileSync } from "node:fs";
import type { Dashboard, Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import { parse } from "yaml";
import { DASHBOARDS } from "../../deploy/grafana/src/index.ts";

const DATASOURCES = "deploy/grafana/provisioning/datasources/prometheus.yml";

export interface PanelQuery {
  /** Title of its panel. */
  readonly panel: string;
  /** As it is written, variables of Grafana included. */
  readonly expr: string;
  readonly legend: string;
}

export const NAMES = Object.keys(DASHBOARDS) as (keyof typeof DASHBOARDS)[];

/** Without the rows between them. */
export function panelsOf(dashboard: Dashboard): Panel[] {
  return (dashboard.panels ?? []).filter((panel): panel is Panel => panel.type !== "row");
}

export function queriesOf(panel: Panel): PanelQuery[] {
  return (panel.targets ?? []).map((target) => {
    // Of the SDK's queries these are Prometheus'.
    const { expr = "", legendFormat = "" } = target as { expr?: string; legendFormat?: string };
    return { panel: panel.title ?? "", expr, legend: legendFormat };
  });
}

/**
 * What Grafana puts in the place of `$__rate_interval`, unless one looks at days: four times what the shipped
 * datasource says of its interval. In seconds.
 */
export function rateIntervalSeconds(): number {
  const { datasources } = parse(readFileSync(DATASOURCES, "utf8"));
  const [, seconds] = /^(\d+)s$/.exec(datasources[0]?.jsonData?.timeInterval) ?? [];
  return 4 * Number(seconds);
}

/** What Grafana puts in the place of its variables. */
export interface Chosen {
  /** How much time a rate is taken over, in Prometheus' notation. */
  readonly window: string;
  /** The same of percentiles, means and shares; five minutes, as it is written, where it is left out. */
  readonly longWindow?: string;
  /** A pattern; all, where it is left out. */
  readonly provider?: string;
  readonly node?: string;
}

/** @throws where a variable would be left, which Prometheus would refuse or, worse, match */
export function filledIn(
  expr: string,
  { window, longWindow = "5m", provider = ".*", node = ".*" }: Chosen,
): string {
  const filled = expr
    .replaceAll("$__rate_interval", window)
    .replaceAll("[5m]", `[${longWindow}]`)
    .replaceAll("$provider", provider)
    .replaceAll("$node", node);
  if (filled.includes("$")) throw new Error(`a variable that no dashboard has: ${expr}`);
  return filled;
}
