/**
 * The long suites, and how much of each is run. `npm test` runs a small N with every change, and `npm run test:long`
 * the full N before an issue is closed. docs/testing.md shows this table.
 */

export interface Suite {
  readonly file: string;
  /** What N counts. */
  readonly counts: string;
  /** N with every change. */
  readonly gate: number;
  readonly full: number;
  /** About how many minutes, as seen on 2 cores beside other work; those of the oracle and of single rows are estimates. */
  readonly minutes: { readonly gate: number; readonly full: number };
  /** What measures latency, or keeps every core busy, runs beside nothing else. */
  readonly alone: boolean;
}

export const SUITES = {
  cancel: suite(
    "tests/slow/cancel",
    "runs cancelled, 40 at once",
    [150, 1_000],
    [0.1, 0.5],
    "alone",
  ),
  chaos: suite("tests/chaos/chaos", "minutes of faults", [0.5, 5], [1.2, 5.9], "alone"),
  dashboards: suite("tests/slow/dashboards", "users with a watch", [50, 200], [0.7, 0.9], "alone"),
  "edge-kill": suite("tests/slow/edge-kill", "edges killed", [5, 20], [0.2, 0.8]),
  "fresh-clone": suite("tests/slow/fresh-clone", "clones, started and stopped", [0, 1], [0, 1.3]),
  // Runs that a busy machine makes late would use up the budget.
  hedging: suite("tests/slow/hedging", "runs", [100, 400], [0.3, 0.6], "alone"),
  "http-crowd": suite(
    "tests/slow/http-crowd",
    "readers at once",
    [200, 1_000],
    [0.2, 0.5],
    "alone",
  ),
  "huge-answers": suite(
    "tests/slow/huge-answers",
    "answers of 3 MiB at once",
    [30, 100],
    [0.4, 0.8],
    "alone",
  ),
  "kill-storm": suite("tests/slow/kill-storm", "workers killed in a row", [3, 4], [0.5, 0.6]),
  oracle: suite("tests/oracle/oracle", "streams", [20_000, 100_000], [0.4, 1.8]),
  "oracle-mutants": suite("tests/oracle/mutants", "planted faults", [0, 36], [0, 0.5]),
  "redis-faults": suite("tests/slow/redis-faults", "faults at once", [3, 1], [2.0, 4.3]),
  "refused-neighbour": suite(
    "tests/slow/refused-neighbour",
    "pairs of rounds, with and without",
    [2, 5],
    [0.5, 2],
    "alone",
  ),
  reload: suite("tests/slow/reload", "runs that stream meanwhile", [40, 200], [0.7, 0.6]),
  "repeated-reasons": suite(
    "tests/slow/repeated-reasons",
    "pieces of each answer",
    [300, 3_000],
    [0.2, 1.2],
  ),
  rollout: suite("tests/slow/rollout", "answers under a rolling deploy", [8, 24], [0.9, 3.5]),
  "sdk-edge-kill": suite("tests/slow/sdk-edge-kill", "edges killed", [3, 23], [0.7, 2.2]),
  skew: suite("tests/skew/skew", "upgrades and ways back", [1, 4], [3, 5]),
  "slow-reader": suite("tests/slow/slow-reader", "rounds", [1, 2], [0.8, 2.2], "alone"),
  vanish: suite("tests/slow/vanish", "users who vanish", [300, 2_000], [0.1, 0.2], "alone"),
  warm: suite("tests/slow/warm", "workers started", [3, 10], [0.2, 0.4], "alone"),
  "worker-kill": suite("tests/slow/worker-kill", "workers killed", [5, 50], [0.3, 2.0]),
} as const satisfies Readonly<Record<string, Suite>>;

export type SuiteName = keyof typeof SUITES;

/** Set by `npm run test:long`. */
export const isFull = process.env.TEST_SIZE === "full";

/** N of a suite in this run. */
export function sizeOf(name: SuiteName): number {
  return SUITES[name][isFull ? "full" : "gate"];
}

/**
 * A bound on a time. In full, on an idle machine, it is the promise. With every change the machine may be busy, so it
 * is a time that only a fault can reach.
 */
export function boundMs({ promised, fault }: { promised: number; fault: number }): number {
  return isFull ? promised : fault;
}

function suite(
  path: string,
  counts: string,
  [gate, full]: readonly [number, number],
  [gateMinutes, fullMinutes]: readonly [number, number],
  alone?: "alone",
): Suite {
  const minutes = { gate: gateMinutes, full: fullMinutes };
  return { file: `${path}.test.ts`, counts, gate, full, minutes, alone: alone === "alone" };
}
