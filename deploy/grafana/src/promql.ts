/**
 * PromQL over the catalogue of metrics, so that an unknown name or label is a type error.
 *
 * Every selector is narrowed by the variables of the dashboard: by provider where the metric has that label,
 * and by node. Metrics of the whole cluster, which every edge has, are not narrowed by node: see `clusterWide`.
 */
import {
  CATALOGUE,
  type LabelName,
  type LabelOf,
  type LabelsOf,
  type MetricName,
  type NameOf,
} from "@openclaw/metrics";

/** Four times what the datasource calls its interval, a minute as it is shipped; more where one looks at days. */
const WINDOW = "[$__rate_interval]";
/** For percentiles, means and shares: of the runs of a minute, where there are few, one is a percentile or none. */
export const LONG_WINDOW = "[5m]";
const OF_PROVIDER = 'provider=~"$provider"';
const OF_NODE = 'instance=~"$node"';

/** Labels that the metric must have, and the value of each, or several that it may have. */
export type Match<Name extends MetricName> = {
  readonly [Label in LabelOf<Name>]?: LabelsOf<Name>[Label] | readonly LabelsOf<Name>[Label][];
};

/** What a sum keeps apart: labels of the metric, or the node that told. */
export type By<Name extends MetricName> = readonly (LabelOf<Name> | "instance")[];

interface Chosen<Name extends MetricName> {
  readonly by?: By<Name>;
  readonly match?: Match<Name>;
}

/** Of what is to be divided: both sides alike. */
interface ChosenOver<Name extends MetricName> extends Chosen<Name> {
  readonly window?: typeof WINDOW | typeof LONG_WINDOW;
}

/** The series of a metric, as they are. */
export function series<Name extends MetricName>(name: Name, match: Match<Name> = {}): string {
  return `${name}${braces(name, match)}`;
}

/** The same without regard to the node: for what every edge, or every worker, says alike. */
export function clusterWide<Name extends NameOf<"gauge">>(
  name: Name,
  by: readonly LabelOf<Name>[],
  match: Match<Name> = {},
): string {
  const matchers = matchersOf(name, match);
  const narrowed = matchers.length > 0 ? `{${matchers.join(", ")}}` : "";
  return `max by (${by.join(", ")}) (${name}${narrowed})`;
}

/** What a gauge says, added up. */
export function total<Name extends NameOf<"gauge">>(
  name: Name,
  { by = [], match = {} }: Chosen<Name> = {},
): string {
  return sum(by, series(name, match));
}

/** How much a counter, or the observations of a histogram, rise a second. */
export function perSecond<Name extends NameOf<"counter" | "histogram">>(
  name: Name,
  { by = [], match = {}, window }: ChosenOver<Name> = {},
): string {
  const suffix = CATALOGUE[name].type === "histogram" ? "_count" : "";
  return rate(`${name}${suffix}${braces(name, match)}`, by, window);
}

/** Which part of them has more labels than all that match. */
export function share<Name extends NameOf<"counter" | "histogram">>(
  name: Name,
  { part, by = [], match = {} }: Chosen<Name> & { readonly part: Match<Name> },
): string {
  const both = { by, window: LONG_WINDOW } as const;
  const those = perSecond(name, { ...both, match: { ...match, ...part } });
  return `${those} / ${perSecond(name, { ...both, match })}`;
}

/** What is observed a second: seconds, tokens, entries. */
export function amountPerSecond<Name extends NameOf<"histogram">>(
  name: Name,
  { by = [], match = {}, window }: ChosenOver<Name> = {},
): string {
  return rate(`${name}_sum${braces(name, match)}`, by, window);
}

/** Observations a second, by bucket: for heat maps. */
export function buckets<Name extends NameOf<"histogram">>(
  name: Name,
  { match = {} }: Chosen<Name> = {},
): string {
  return rate(`${name}_bucket${braces(name, match)}`, ["le"]);
}

/** @param q between 0 and 1 */
export function quantile<Name extends NameOf<"histogram">>(
  q: number,
  name: Name,
  { by = [], match = {} }: Chosen<Name> = {},
): string {
  const perBucket = rate(`${name}_bucket${braces(name, match)}`, ["le", ...by], LONG_WINDOW);
  return `histogram_quantile(${q}, ${perBucket})`;
}

/** What one observation is on average. */
export function mean<Name extends NameOf<"histogram">>(name: Name, chosen: Chosen<Name> = {}) {
  const both = { ...chosen, window: LONG_WINDOW } as const;
  return `${amountPerSecond(name, both)} / ${perSecond(name, both)}`;
}

/** Which part of what is observed, such as of all seconds, is of those with more labels. */
export function shareOfAmount<Name extends NameOf<"histogram">>(
  name: Name,
  { part, by = [], match = {} }: Chosen<Name> & { readonly part: Match<Name> },
): string {
  const both = { by, window: LONG_WINDOW } as const;
  const those = amountPerSecond(name, { ...both, match: { ...match, ...part } });
  return `${those} / ${amountPerSecond(name, { ...both, match })}`;
}

/** What Node says of itself; Prometheus and a load balancer have metrics of the same names. */
export function ofProcess(name: string): string {
  return `${name}{job=~"openclaw-(edge|worker)", ${OF_NODE}}`;
}

export function rate(selector: string, by: readonly string[], window: string = WINDOW): string {
  return sum(by, `rate(${selector}${window})`);
}

function sum(by: readonly string[], what: string): string {
  return by.length > 0 ? `sum by (${by.join(", ")}) (${what})` : `sum(${what})`;
}

function braces<Name extends MetricName>(name: Name, match: Match<Name>): string {
  return `{${[...matchersOf(name, match), OF_NODE].join(", ")}}`;
}

function matchersOf<Name extends MetricName>(name: Name, match: Match<Name>): string[] {
  const labels: readonly LabelName[] = CATALOGUE[name].labels;
  // `Object.entries` cannot see through the labels of a metric that is not known yet.
  const wanted = match as Readonly<Record<string, string | readonly string[]>>;
  const matchers = Object.entries(wanted).map(([label, value]) =>
    typeof value === "string" ? `${label}="${value}"` : `${label}=~"${value.join("|")}"`,
  );
  if (labels.includes("provider")) matchers.push(OF_PROVIDER);
  return matchers;
}
