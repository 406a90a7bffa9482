/** What a PromQL expression asks for, read with Prometheus' own grammar. */

import { CATALOGUE, LABELS, type LabelName, type MetricName, OTHER } from "@openclaw/metrics";
import { parser } from "@prometheus-io/lezer-promql";

export interface Selector {
  /** Empty where none is named. */
  readonly metric: string;
  readonly matchers: readonly Matcher[];
}

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** Every selector of an expression. @throws where it is no PromQL */
export function selectorsOf(expression: string): Selector[] {
  const selectors: {
    metric: string;
    matchers: { label: string; operator: string; value: string }[];
  }[] = [];
  parser.parse(expression).iterate({
    enter({ type, name, from, to }) {
      const text = expression.slice(from, to);
      if (type.isError) throw new Error(`not PromQL at ${from}: ${expression}`);
      if (name === "VectorSelector") selectors.push({ metric: "", matchers: [] });
      const selector = selectors.at(-1);
      if (name === "Identifier" && selector?.metric === "") selector.metric = text;
      if (name === "UnquotedLabelMatcher" || name === "QuotedLabelMatcher") {
        const [, label = "", operator = "", value = ""] =
          /^"?(\w+)"?\s*(=~|!~|!=|=)\s*["'](.*)["']$/.exec(text) ?? [];
        selector?.matchers.push({ label, operator, value });
      }
    },
  });
  return selectors;
}

/** A selector as one would write it. */
export function textOf({ metric, matchers }: Selector): string {
  const within = matchers.map(({ label, operator, value }) => `${label}${operator}"${value}"`);
  return `${metric}{${within.join(",")}}`;
}

/** What Prometheus itself adds to every series. */
const OF_PROMETHEUS = ["job", "instance"];
const SUFFIX = /_(bucket|sum|count)$/;

/**
 * The faults of a selector: a metric outside the catalogue, a label that the metric lacks, or a value that the label
 * never has.
 *
 * @param recorded names that rules record; their labels are not known here
 */
export function faultsOf({ metric, matchers }: Selector, recorded: ReadonlySet<string>): string[] {
  if (metric === "up" || recorded.has(metric) || /^(process|nodejs)_/.test(metric)) return [];
  const name = catalogued(metric);
  if (name === undefined) return [`there is no metric ${metric}`];
  const labels: readonly string[] = CATALOGUE[name].labels;
  return matchers.flatMap(({ label, operator, value }) => {
    if (OF_PROMETHEUS.includes(label)) return [];
    if (label === "le" && SUFFIX.test(metric)) return [];
    if (!labels.includes(label)) return [`${metric} has no label ${label}`];
    // The metric has it, so it is one of the table.
    const allowed: string | readonly string[] = LABELS[label as LabelName];
    const isValue = typeof allowed === "string" || [...allowed, OTHER].includes(value);
    return operator.includes("~") || isValue ? [] : [`${label} is never ${value}`];
  });
}

function catalogued(metric: string): MetricName | undefined {
  if (Object.hasOwn(CATALOGUE, metric)) return metric as MetricName;
  const family = metric.replace(SUFFIX, "");
  const isHistogram =
    Object.hasOwn(CATALOGUE, family) && CATALOGUE[family as MetricName].type === "histogram";
  return isHistogram ? (family as MetricName) : undefined;
}
