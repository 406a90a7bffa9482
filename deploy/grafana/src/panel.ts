/** The kinds of panels there are here, each dressed alike, so that a dashboard's own file says only what it shows. */

import * as bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as statetimeline from "@grafana/grafana-foundation-sdk/statetimeline";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

export const RUNS_PER_SECOND = "suffix: runs/s";

/** Whichever Prometheus is chosen above the dashboard. */
export const DATASOURCE = { type: "prometheus", uid: "${datasource}" } as const;

export interface Query {
  readonly expr: string;
  /** In Grafana's notation: `{{provider}}`. */
  readonly legend: string;
}

/** From this value on, this colour; the first one has no value. */
export type Step = readonly [from: number | null, colour: string];

export interface PanelOptions {
  readonly title: string;
  /** What it shows, and what to think of it. */
  readonly description: string;
  /** One of Grafana's unit ids. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Columns, of 24. */
  readonly span: number;
  readonly steps?: readonly Step[];
  readonly max?: number;
  /** Shown if there is no data, which may be good news. */
  readonly ifEmpty?: string;
  /** Where a click on a series leads. */
  readonly leadsTo?: "provider" | "node";
}

export type Panel = Builder<dashboard.Panel>;

const PLAIN: readonly Step[] = [[null, "green"]];
const HEIGHT = 8;
const STAT_HEIGHT = 4;

/** Lines over time; each series of the legend with its last value and its highest. */
export function lines(options: PanelOptions): timeseries.PanelBuilder {
  const legend = new common.VizLegendOptionsBuilder()
    .displayMode(common.LegendDisplayMode.Table)
    .placement(common.LegendPlacement.Bottom)
    .showLegend(true)
    .calcs(["lastNotNull", "max"]);
  const tooltip = new common.VizTooltipOptionsBuilder()
    .mode(common.TooltipDisplayMode.Multi)
    .sort(common.SortOrder.Descending);
  const panel = dress(new timeseries.PanelBuilder(), options)
    .legend(legend)
    .tooltip(tooltip)
    .showPoints(common.VisibilityMode.Never)
    .fillOpacity(8)
    .min(0);
  if (!options.steps) return panel;
  const dashed = new common.GraphThresholdsStyleConfigBuilder().mode(
    common.GraphThresholdsStyleMode.Dashed,
  );
  return panel.thresholdsStyle(dashed);
}

/** Areas on top of each other, in the order of their queries: for parts of one whole. */
export function stacked(options: PanelOptions): timeseries.PanelBuilder {
  const stacking = new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group("A");
  return lines(options).stacking(stacking).fillOpacity(60).lineWidth(0);
}

/** Numbers of this moment. Without a present one the panel is empty, and does not show the last. */
export function numbers(options: PanelOptions): stat.PanelBuilder {
  return dress(new stat.PanelBuilder(), options, { height: STAT_HEIGHT, asked: "now" })
    .graphMode(common.BigValueGraphMode.None)
    .colorMode(common.BigValueColorMode.Value)
    .textMode(common.BigValueTextMode.Auto)
    .reduceOptions(last())
    .colorScheme(byThreshold());
}

/** One bar for each series, as of this moment. */
export function bars(options: PanelOptions): bargauge.PanelBuilder {
  return dress(new bargauge.PanelBuilder(), options, { asked: "now" })
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .orientation(common.VizOrientation.Horizontal)
    .reduceOptions(last())
    .colorScheme(byThreshold())
    .min(0);
}

/** Whether each series was 1 or 0, over time. `steps` colour the two. */
export function states(options: PanelOptions): statetimeline.PanelBuilder {
  return dress(new statetimeline.PanelBuilder(), options)
    .mergeValues(true)
    .showValue(common.VisibilityMode.Never)
    .colorScheme(byThreshold())
    .mappings([
      {
        type: dashboard.MappingType.ValueToText,
        options: { 0: { text: "no" }, 1: { text: "yes" } },
      },
    ]);
}

/** How observations are spread, over time. Its one query gives a series for each `le`. */
export function spread(options: PanelOptions): heatmap.PanelBuilder {
  const colour = new heatmap.HeatmapColorOptionsBuilder()
    .mode(heatmap.HeatmapColorMode.Scheme)
    .scheme("Oranges")
    .steps(32);
  const axis = new heatmap.YAxisConfigBuilder().unit(options.unit);
  return dress(new heatmap.PanelBuilder(), options, { format: prometheus.PromQueryFormat.Heatmap })
    .color(colour)
    .yAxis(axis);
}

/** What all kinds of panels have in common. */
interface Dressable {
  title(title: string): this;
  description(description: string): this;
  datasource(datasource: common.DataSourceRef): this;
  unit(unit: string): this;
  span(columns: number): this;
  height(rows: number): this;
  max(max: number): this;
  noValue(text: string): this;
  thresholds(thresholds: Builder<dashboard.ThresholdsConfig>): this;
  dataLinks(links: Builder<dashboard.DashboardLink>[]): this;
  withTarget(query: Builder<prometheus.Dataquery>): this;
}

interface Dress {
  readonly height?: number;
  readonly format?: prometheus.PromQueryFormat;
  /** What of the time above the dashboard. */
  readonly asked?: "now" | "over time";
}

function dress<Kind extends Dressable>(
  panel: Kind,
  options: PanelOptions,
  {
    height = HEIGHT,
    format = prometheus.PromQueryFormat.TimeSeries,
    asked = "over time",
  }: Dress = {},
): Kind {
  const { title, description, unit, span, queries, steps = PLAIN } = options;
  panel
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .span(span)
    .height(height)
    .thresholds(thresholds(steps));
  if (options.max !== undefined) panel.max(options.max);
  if (options.ifEmpty !== undefined) panel.noValue(options.ifEmpty);
  if (options.leadsTo !== undefined) panel.dataLinks([wayTo(options.leadsTo)]);
  queries.forEach((query, index) => {
    const asking = target(narrowed(query, options), index).format(format);
    panel.withTarget(asked === "now" ? asking.instant() : asking.range());
  });
  return panel;
}

/** What is 0 most of the time, for each of many codes, is left out while it is. */
function narrowed({ expr, legend }: Query, { ifEmpty }: PanelOptions): Query {
  return { expr: ifEmpty === undefined ? expr : `(${expr}) > 0`, legend };
}

function target({ expr, legend }: Query, index: number): prometheus.DataqueryBuilder {
  return new prometheus.DataqueryBuilder()
    .datasource(DATASOURCE)
    .editorMode(prometheus.QueryEditorMode.Code)
    .expr(expr)
    .legendFormat(legend)
    .refId(String.fromCharCode("A".charCodeAt(0) + index));
}

function thresholds(steps: readonly Step[]): dashboard.ThresholdsConfigBuilder {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps.map(([value, color]) => ({ value, color })));
}

/** Not every kind of panel does so by itself. */
function byThreshold(): dashboard.FieldColorBuilder {
  return new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds);
}

function last(): common.ReduceDataOptionsBuilder {
  return new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]);
}

const WAYS = {
  provider: { title: "This provider", to: "openclaw-providers", label: "provider" },
  node: { title: "This node", to: "openclaw-cluster", label: "instance" },
} as const;

function wayTo(what: keyof typeof WAYS): dashboard.DashboardLinkBuilder {
  const { title, to, label } = WAYS[what];
  const variable = what === "provider" ? "provider" : "node";
  return new dashboard.DashboardLinkBuilder(title).url(
    `/d/${to}?var-${variable}=\${__field.labels.${label}}&\${__url_time_range}`,
  );
}
