/** What a real Prometheus makes of the dashboards' queries. */
import { eventually } from "@openclaw/testing";
import { DASHBOARDS } from "../../deploy/grafana/src/index.ts";
import type { Prometheus } from "./prometheus.ts";
import {
  type Chosen,
  filledIn,
  type NAMES,
  type PanelQuery,
  panelsOf,
  queriesOf,
} from "./queries.ts";

export type DashboardName = (typeof NAMES)[number];

/** How long it may take until everything has happened that a panel shows. */
const PATIENCE_MS = 30_000;

/** Asks again until nothing is wrong, for as long as that may take. @returns what was wrong the last time */
export async function untilNone<T>(ask: () => Promise<readonly T[]>): Promise<readonly T[]> {
  const until = performance.now() + PATIENCE_MS;
  let wrong: readonly T[] = [];
  await eventually(
    "an answer to every query",
    async () => {
      wrong = await ask();
      // The caller reports what is left, which says more than a time-out.
      return wrong.length === 0 || performance.now() > until;
    },
    { withinMs: 2 * PATIENCE_MS, everyMs: 500 },
  );
  return wrong;
}

/**
 * Those that have no data. It asks until all have some at one and the same moment, as an operator sees a dashboard. A
 * query that has data only now and then counts as empty.
 */
export async function unansweredBy(
  prometheus: Prometheus,
  expressions: readonly string[],
): Promise<ReadonlySet<string>> {
  const left = await untilNone(async () => {
    const at = await prometheus.now();
    const hasData = await Promise.all(expressions.map((expr) => prometheus.hasData(expr, at)));
    return expressions.filter((_, index) => !hasData[index]);
  });
  return new Set(left);
}

/** What a dashboard can be narrowed to. */
export type Narrowing = "provider" | "node";

/** The faults of queries that are narrowed to each of `values` in turn. */
export async function faultsNarrowed(
  prometheus: Prometheus,
  queries: readonly PanelQuery[],
  { by, values, window }: { by: Narrowing; values: readonly string[]; window: string },
): Promise<string[]> {
  const label = by === "node" ? "instance" : by;
  const faults = queries
    .filter(({ expr }) => expr.includes(`$${by}`))
    .map(async ({ panel, expr }) => {
      const answers = await Promise.all(
        values.map(async (value) => {
          const samples = await prometheus.query(filledIn(expr, { window, [by]: value }));
          const shown = samples.filter((sample) => !Number.isNaN(sample.value));
          return { value, shown: shown.map(({ labels }) => labels[label] ?? value) };
        }),
      );
      // Not each of them has failures, hedges or people who wait. One at least has what all together have.
      if (answers.every(({ shown }) => shown.length === 0))
        return [`${panel}: empty for each ${by}`];
      return answers
        .filter(({ value, shown }) => shown.some((one) => one !== value))
        .map(({ value, shown }) => `${panel}: ${shown.join()} where ${value} is chosen`);
    });
  return (await Promise.all(faults)).flat();
}

/** What a panel shows right now, by legend; of a query with several series the first. */
export async function shownBy(
  prometheus: Prometheus,
  { name, title, chosen }: { name: DashboardName; title: string; chosen: Chosen },
): Promise<{ legend: string; value: number }[]> {
  const panel = panelsOf(DASHBOARDS[name]).find((one) => one.title === title);
  if (!panel) throw new Error(`${name} has no panel "${title}"`);
  const answers = queriesOf(panel).map(async ({ expr, legend }) => {
    const [first] = await prometheus.query(filledIn(expr, chosen));
    return first ? [{ legend, value: first.value }] : [];
  });
  return (await Promise.all(answers)).flat();
}
