/** The metrics of one name, as the rest of a process sees them: only its own labels, only their own values. */
import type { Counter, Gauge, Histogram } from "prom-client";
import type { LabelOf, MetricName } from "./catalogue.ts";
import type { HotCell, HotHistogram } from "./hot-histogram.ts";
import type { LabelValue } from "./labels.ts";

export type LabelsOf<Name extends MetricName> = {
  readonly [Label in LabelOf<Name>]: LabelValue<Label>;
};

type Labels = Readonly<Record<string, string>>;

/** What every family is made with. */
export interface LabelGuard {
  /** The same labels, with every value that is not of its label's closed set replaced by `other`. */
  close(labels: Labels): Record<string, string>;
}

/** A count that is added to with every chunk; its owner may do that without a thought. */
export interface CounterCell {
  value: number;
}

export class CounterFamily<Name extends MetricName> {
  readonly #counter: Counter;
  readonly #guard: LabelGuard;
  readonly #cells = new Map<string, { readonly labels: Labels; readonly cell: CounterCell }>();

  constructor(counter: Counter, guard: LabelGuard) {
    this.#counter = counter;
    this.#guard = guard;
  }

  /** @param by at least 0; 0 makes the series known before anything happens */
  inc(labels: LabelsOf<Name>, by = 1): void {
    this.#counter.inc(this.#guard.close(labels), by);
  }

  cell(labels: LabelsOf<Name>): CounterCell {
    const closed = this.#guard.close(labels);
    const key = JSON.stringify(closed);
    const { cell } = this.#cells.get(key) ?? { cell: { value: 0 } };
    this.#cells.set(key, { labels: closed, cell });
    return cell;
  }

  /** Brings what cells hold to light. For the registry, before it is read. */
  settle(): void {
    for (const { labels, cell } of this.#cells.values()) {
      this.#counter.inc(labels, cell.value);
      cell.value = 0;
    }
  }

  forget(isGone: (labels: Labels) => boolean): void {
    for (const [key, { labels }] of this.#cells) if (isGone(labels)) this.#cells.delete(key);
  }
}

export class HistogramFamily<Name extends MetricName> {
  readonly #histogram: Histogram;
  readonly #guard: LabelGuard;

  constructor(histogram: Histogram, guard: LabelGuard) {
    this.#histogram = histogram;
    this.#guard = guard;
  }

  /** @param value in the unit of the name, seconds for most */
  observe(labels: LabelsOf<Name>, value: number): void {
    this.#histogram.observe(this.#guard.close(labels), value);
  }
}

/** For what happens with every chunk or call. */
export class HotFamily<Name extends MetricName> {
  readonly #histogram: HotHistogram;
  readonly #guard: LabelGuard;

  constructor(histogram: HotHistogram, guard: LabelGuard) {
    this.#histogram = histogram;
    this.#guard = guard;
  }

  cell(labels: LabelsOf<Name>): HotCell {
    return this.#histogram.cell(this.#guard.close(labels));
  }
}

export type Readings<Name extends MetricName> = Iterable<readonly [LabelsOf<Name>, number]>;

export class GaugeFamily<Name extends MetricName> {
  readonly #gauge: Gauge;
  readonly #guard: LabelGuard;
  #read: () => Readings<Name> = () => [];

  constructor(gauge: Gauge, guard: LabelGuard) {
    this.#gauge = gauge;
    this.#guard = guard;
  }

  /** Where its values come from. Asked with each scrape; what is not told again is gone. */
  from(read: () => Readings<Name>): void {
    this.#read = read;
  }

  /** For the registry, before it is read. */
  settle(): void {
    this.#gauge.reset();
    // A metric without labels would say 0 before the first report.
    this.#gauge.remove({});
    for (const [labels, value] of this.#read()) this.#gauge.inc(this.#guard.close(labels), value);
  }
}
