/** What a real Prometheus makes of the dashboards' queries. */
import { eventually } from "@openclaw/testing";
import { DASHBOARDS } from "../../deploy/grafana/src/index.ts";
import type { Prometheus } from "./prometheus.ts";
import { type Chosen, filledIn, type NAMES, panelsOf, queriesOf } from "./queries.ts";

export type DashboardName = (typeof NAMES)[number];

/** How long it may take until everything has happened that a panel shows. */
const PATIENCE_MS = 30_000;

/** Those that have no data after all that time; one that has some for a moment is answered. */
export async function unansweredBy(
  prometheus: Prometheus,
  expressions: readonly string[],
): Promise<ReadonlySet<string>> {
  let left = expressions;
  const until = performance.now() + PATIENCE_MS;
  await eventually(
    "an answer to every query",
    async () => {
      const hasData = await Promise.all(left.map((expr) => prometheus.hasData(expr)));
      left = left.filter((_, at) => !hasData[at]);
      // Who asks says which are left, which is more than that time is up.
      return left.length === 0 || performance.now() > until;
    },
    { withinMs: 2 * PATIENCE_MS, everyMs: 500 },
  );
  return new Set(left);
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

/** Within 5 %, or in the same bucket or its neighbour. `bounds` are upper ones, in order. What is no number agrees with nothing. */
export function agrees(bounds: readonly number[], told: number, measured: number): boolean {
  if (Number.isNaN(told) || Number.isNaN(measured)) return false;
  if (Math.abs(told - measured) <= 0.05 * measured) return true;
  const bucket = (seconds: number) => bounds.findIndex((bound) => seconds <= bound);
  return Math.abs(bucket(told) - bucket(measured)) <= 1;
}
