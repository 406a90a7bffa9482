import { figuresOf } from "@openclaw/testing";
import { type History, INVARIANTS } from "./history.ts";

const MOST_DETAILS = 20;

/** What one run of chaos showed, to be read by a person. */
export function report(history: History, { seed, users }: { seed: number; users: number }): string {
  const { checked, doneShare, violations, injected, recoveries, outcomes, notes } = history;
  const kinds = [...new Set(injected.map(({ kind }) => kind))].toSorted();
  const faults = kinds.map((kind) => {
    const times = injected.filter((fault) => fault.kind === kind).length;
    const { count, p50, p99, max } = figuresOf(recoveries.get(kind) ?? []);
    const silence = count === 0 ? "no run was streaming" : `${s(p50)} ${s(p99)} ${s(max)}`;
    return `  ${kind.padEnd(30)} ${String(times).padStart(4)}   ${silence}`;
  });
  const judged = INVARIANTS.map((invariant) => {
    const broken = violations.filter((violation) => violation.invariant === invariant).length;
    return `  ${invariant.padEnd(50)} ${checked} checked, ${broken} violated`;
  });
  return [
    `chaos with seed ${seed}, ${users} users`,
    "faults: how often, and how long v2 runs that streamed were silent (p50, p99, max):",
    ...faults,
    `runs judged: ${checked}, ${(100 * doneShare).toFixed(1)} % of those that nobody cancelled whole answers, by how they ended:`,
    ...table(outcomes),
    `whole of ${history.due} that had to be: ${(100 * history.wholeShare).toFixed(2)} %; longest silence of one: ${s(history.longestSilenceMs).trim()}`,
    ...history.failed.slice(0, MOST_DETAILS).map((about) => `  not whole: ${about}`),
    "besides:",
    ...table(notes),
    "invariants:",
    ...judged,
    ...violations
      .slice(0, MOST_DETAILS)
      .map(({ invariant, detail }) => `  ${invariant}: ${detail}`),
    ...(violations.length === 0
      ? ["no violation"]
      : [
          `all faults: ${injected.map(({ kind, at }) => `${at} ms ${kind}`).join(", ")}`,
          `${violations.length} violations; repeat with --seed ${seed}`,
        ]),
  ].join("\n");
}

function s(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`.padStart(8);
}

function table(counts: ReadonlyMap<string, number>): string[] {
  return [...counts]
    .toSorted()
    .map(([what, count]) => `  ${what.padEnd(40)} ${String(count).padStart(6)}`);
}
