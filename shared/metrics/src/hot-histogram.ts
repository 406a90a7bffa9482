/**
 * A histogram for what happens with every chunk.
 *
 * prom-client builds a key from the labels for each observation, which costs more than relaying the chunk
 * does. Here each observer holds a cell, and an observation is a short search and three additions. The names and the
 * text format are made with each scrape.
 */
import type { Histogram } from "prom-client";

/** One series of a hot histogram. */
export class HotCell {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= (bounds[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    this.#counts[low] = (this.#counts[low] ?? 0) + 1;
    this.#sum += value;
  }

  /** For each bound how many did not exceed it, then how many there are in all. */
  read(): { readonly cumulative: readonly number[]; readonly sum: number } {
    let total = 0;
    const cumulative = Array.from(this.#counts, (count) => {
      total += count;
      return total;
    });
    return { cumulative, sum: this.#sum };
  }
}

type Labels = Readonly<Record<string, string>>;
type Exported = Awaited<ReturnType<Histogram["get"]>>;

/** Cells by their labels, in the shape that prom-client's registry reads. */
export class HotHistogram {
  readonly name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #cells = new Map<string, { readonly labels: Labels; readonly cell: HotCell }>();

  constructor({ name, help, bounds }: { name: string; help: string; bounds: readonly number[] }) {
    this.name = name;
    this.#help = help;
    this.#bounds = bounds;
  }

  cell(labels: Labels): HotCell {
    const key = JSON.stringify(labels);
    const known = this.#cells.get(key);
    if (known) return known.cell;
    const cell = new HotCell(this.#bounds);
    this.#cells.set(key, { labels, cell });
    return cell;
  }

  /** An observer that holds such a cell may go on; no scrape shows it any more. */
  remove(isGone: (labels: Labels) => boolean): void {
    for (const [key, { labels }] of this.#cells) if (isGone(labels)) this.#cells.delete(key);
  }

  async get(): Promise<Exported> {
    const values = [...this.#cells.values()].flatMap(({ labels, cell }) => {
      const { cumulative, sum } = cell.read();
      const buckets = cumulative.map((value, index) => ({
        labels: { ...labels, le: this.#bounds[index] ?? "+Inf" },
        value,
        metricName: `${this.name}_bucket`,
      }));
      const count = cumulative.at(-1) ?? 0;
      return [
        ...buckets,
        { labels, value: sum, metricName: `${this.name}_sum` },
        { labels, value: count, metricName: `${this.name}_count` },
      ];
    });
    const { name } = this;
    // Typed as a member of an enum that prom-client itself never uses.
    const type = "histogram" as unknown as Exported["type"];
    return { name, help: this.#help, type, aggregator: "sum", collect: () => undefined, values };
  }
}
