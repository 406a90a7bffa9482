/** Prints the matrix of `clients x features`. Fails the run unless every cell that applies is green. */
import type { Reporter, TestCase } from "vitest/node";
import {
  CLIENTS,
  type ClientName,
  COLUMNS,
  cellName,
  FEATURES,
  type Feature,
  leftOut,
} from "./matrix.ts";
import { findLaterNode } from "./newest/later-node.ts";

const { missing } = findLaterNode();
const shown = CLIENTS.filter((client) => !COLUMNS[client].newest || missing === undefined);
const hidden = CLIENTS.filter((client) => !shown.includes(client));

const MARKS = {
  passed: "green",
  failed: "RED",
  skipped: "SKIPPED",
  pending: "UNFINISHED",
} as const;
type Mark = (typeof MARKS)[keyof typeof MARKS] | "n/a" | "MISSING";

// Vitest finds a reporter by its file, and there only as the default.
export default class TableReporter implements Reporter {
  readonly #marks = new Map<string, Mark>();

  onTestCaseResult(test: TestCase): void {
    this.#marks.set(test.name, MARKS[test.result().state]);
  }

  onTestRunEnd(): void {
    const rows = FEATURES.map((feature) => ({
      feature,
      marks: shown.map((client) => this.#markOf(client, feature)),
    }));
    process.stdout.write(`\n${table(rows)}\n\n${reasons()}\n`);
    const marks = rows.flatMap((row) => row.marks);
    const count = (mark: Mark) => marks.filter((other) => other === mark).length;
    const red = marks.length - count("green") - count("n/a");
    process.stdout.write(`\n${count("green")} green, ${red} not, ${count("n/a")} not applicable\n`);
    if (red > 0) process.exitCode = 1;
  }

  #markOf(client: ClientName, feature: Feature): Mark {
    const mark = this.#marks.get(cellName(client, feature));
    return mark ?? (leftOut(client, feature) === undefined ? "MISSING" : "n/a");
  }
}

function table(
  rows: readonly { readonly feature: string; readonly marks: readonly Mark[] }[],
): string {
  const lines = [["", ...shown], ...rows.map(({ feature, marks }) => [feature, ...marks])];
  const widths = lines[0]?.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths?.[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Why columns and cells are left out, a line for each. */
function reasons(): string {
  const columns = missing === undefined ? [] : [`left out  ${hidden.join(", ")}: ${missing}`];
  const cells = FEATURES.flatMap((feature) =>
    shown.flatMap((client) => {
      const reason = leftOut(client, feature);
      return reason === undefined ? [] : [`n/a  ${cellName(client, feature)}: ${reason}`];
    }),
  );
  return [...columns, ...cells].join("\n");
}
