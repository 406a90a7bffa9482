/** What was observed, and judged, over one run of chaos. */

export type Violation =
  | "no terminal in time"
  | "two terminals"
  | "wrong text"
  | "frames out of order"
  | "failure not retryable"
  | "answer given up although the next attempt says the same"
  | "job left behind"
  | "key left for ever"
  | "upstream left open";

interface Open {
  lastHeardAt: number;
}

export class History {
  readonly outcomes = new Map<string, number>();
  readonly violations: { readonly kind: Violation; readonly detail: string }[] = [];
  readonly #open = new Set<Open>();
  readonly #faults: { readonly kind: string; readonly at: number; readonly watched: Set<Open> }[] =
    [];
  readonly #recoveries = new Map<string, number[]>();

  violate(kind: Violation, detail: string): void {
    this.violations.push({ kind, detail });
  }

  count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }

  get checked(): number {
    return [...this.outcomes.values()].reduce((sum, count) => sum + count, 0);
  }

  /** A run begins to be watched. */
  open(): { heard(): void; closed(): void } {
    const open: Open = { lastHeardAt: performance.now() };
    this.#open.add(open);
    return {
      heard: () => {
        open.lastHeardAt = performance.now();
        this.#noteRecovery(open);
      },
      closed: () => {
        this.#noteRecovery(open);
        this.#open.delete(open);
      },
    };
  }

  /** A fault happens now, under all that is open. */
  fault(kind: string): void {
    this.#faults.push({ kind, at: performance.now(), watched: new Set(this.#open) });
    if (!this.#recoveries.has(kind)) this.#recoveries.set(kind, []);
  }

  report(seed: number): string {
    const rows = [...this.#recoveries].map(([kind, times]) => {
      const count = this.#faults.filter((fault) => fault.kind === kind).length;
      const sorted = times.toSorted((a, b) => a - b);
      const at = (share: number) =>
        `${((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0) / 1_000).toFixed(2)} s`;
      return `  ${kind.padEnd(16)} ${String(count).padStart(4)}   p50 ${at(0.5)}  p99 ${at(0.99)}  max ${at(1)}`;
    });
    const outcomes = [...this.outcomes].map(
      ([outcome, count]) => `  ${outcome.padEnd(28)} ${count}`,
    );
    const kinds = new Map<Violation, number>();
    for (const { kind } of this.violations) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    return [
      `chaos, seed ${seed}`,
      "faults, how often, and until every open run was heard of again:",
      ...rows,
      `runs checked: ${this.checked}, by how they ended:`,
      ...outcomes,
      `violations: ${this.violations.length}`,
      ...[...kinds].map(([kind, count]) => `  ${kind}: ${count}`),
      ...this.violations.slice(0, 10).map(({ kind, detail }) => `  ${kind}: ${detail}`),
    ].join("\n");
  }

  #noteRecovery(open: Open): void {
    for (const fault of this.#faults) {
      if (!fault.watched.delete(open)) continue;
      this.#recoveries.get(fault.kind)?.push(performance.now() - fault.at);
    }
  }
}
