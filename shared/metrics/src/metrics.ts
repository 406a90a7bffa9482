/**
 * The metrics of one process: those of the catalogue that its kind has, and Node's own.
 *
 * The catalogue and the configuration bound the number of series. A value outside a label's closed set counts as
 * `other`, and the series of a provider go with it.
 */
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type Metric,
  Registry,
} from "prom-client";
import { boundsOf, type TargetEdges } from "./buckets.ts";
import { CATALOGUE, type MetricName, type NameOf, type ProcessKind } from "./catalogue.ts";
import {
  CounterFamily,
  GaugeFamily,
  HistogramFamily,
  HotFamily,
  type LabelGuard,
} from "./families.ts";
import { HotHistogram } from "./hot-histogram.ts";
import { CONFIGURED, LABELS, type LabelName, type LabelValue, OTHER } from "./labels.ts";

export interface MetricsOptions {
  readonly kind: ProcessKind;
  readonly gateway: { readonly current: MeasuredGateway };
  /** Node's own metrics: event loop, memory, CPU. Default: true. */
  readonly node?: boolean;
}

/** What metrics know of the gateway's configuration. A new object after each change. */
export interface MeasuredGateway {
  /** Their names, and those of their models, are what the labels `provider` and `model` may say. */
  readonly providers: Readonly<Record<string, { readonly model: string; readonly region: Region }>>;
  /** The edges of the first configuration become bounds of the histograms, for as long as the process lives. */
  readonly targets: Readonly<Record<string, TargetEdges>>;
}

export type Region = "domestic" | "overseas";

type Labels = Readonly<Record<string, string | number | undefined>>;

export class Metrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #options: MetricsOptions;
  readonly #registry = new Registry();
  readonly #guard: LabelGuard;
  readonly #counters: CounterFamily<MetricName>[] = [];
  readonly #gauges: GaugeFamily<MetricName>[] = [];
  readonly #hot: HotHistogram[] = [];
  /** Those of prom-client that have a provider's label. */
  readonly #ofProviders: (Counter | Gauge | Histogram)[] = [];
  readonly #targets: readonly TargetEdges[];
  /** Models of a configuration, for as long as it holds. */
  #models: { readonly of: MeasuredGateway; readonly names: ReadonlySet<string> };
  /** Providers at the last reading. */
  #seen: readonly string[];
  readonly #toIntroduce = new Map<Counter, readonly LabelName[]>();
  #introduced: MeasuredGateway | undefined;

  constructor(options: MetricsOptions) {
    const { current } = options.gateway;
    this.#options = options;
    this.#targets = Object.values(current.targets);
    this.#models = modelsOf(current);
    this.#seen = Object.keys(current.providers);
    this.#guard = { close: (labels) => this.#close(labels) };
    if (options.node !== false) collectDefaultMetrics({ register: this.#registry });
  }

  /**
   * Each is asked for once, by the part that counts it. All that it can count is 0 before anything happens, since
   * what begins at 1 is no increase.
   *
   * @param isSparse its owner says what is 0: not every value of one label goes with every value of another
   * @throws where it was asked for before, or is another kind's
   */
  counter<Name extends NameOf<"counter">>(
    name: Name,
    { isSparse = false }: { isSparse?: boolean } = {},
  ): CounterFamily<Name> {
    const counter = new Counter(this.#configuration(name));
    this.#note(name, counter);
    const family = new CounterFamily<Name>(counter, this.#guard);
    this.#counters.push(family);
    if (!isSparse) this.#toIntroduce.set(counter, CATALOGUE[name].labels);
    return family;
  }

  gauge<Name extends NameOf<"gauge">>(name: Name): GaugeFamily<Name> {
    const family = new GaugeFamily<Name>(new Gauge(this.#configuration(name)), this.#guard);
    this.#gauges.push(family as unknown as GaugeFamily<MetricName>); // settled, never told of labels
    return family;
  }

  histogram<Name extends NameOf<"histogram">>(name: Name): HistogramFamily<Name> {
    const histogram = new Histogram({ ...this.#configuration(name), buckets: this.#bounds(name) });
    this.#note(name, histogram);
    return new HistogramFamily<Name>(histogram, this.#guard);
  }

  /** For what happens with every chunk or call. */
  hot<Name extends NameOf<"histogram">>(name: Name): HotFamily<Name> {
    const { help } = this.#configuration(name);
    const histogram = new HotHistogram({ name, help, bounds: this.#bounds(name) });
    // Whatever has a name and a `get` is a metric to the registry; the type lists its own classes only.
    this.#registry.registerMetric(histogram as unknown as Metric);
    this.#hot.push(histogram);
    return new HotFamily<Name>(histogram, this.#guard);
  }

  /** Where a provider is; `other` where it is not configured (any more). */
  regionOf(provider: string): LabelValue<"region"> {
    const { providers } = this.#options.gateway.current;
    return Object.hasOwn(providers, provider) ? (providers[provider]?.region ?? OTHER) : OTHER;
  }

  /** Everything, in Prometheus' text format. */
  async read(): Promise<string> {
    await this.#forgetRemoved();
    this.#introduce();
    for (const family of [...this.#counters, ...this.#gauges]) family.settle();
    return await this.#registry.metrics();
  }

  #introduce(): void {
    const { current } = this.#options.gateway;
    if (this.#introduced === current) return;
    this.#introduced = current;
    const providers = Object.keys(current.providers);
    for (const [counter, labels] of this.#toIntroduce) {
      for (const series of seriesOf(labels, providers)) counter.inc(series, 0);
    }
  }

  #configuration(name: MetricName) {
    const { help, labels, on } = CATALOGUE[name];
    if (!on.some((kind) => kind === this.#options.kind)) {
      throw new Error(`${name} is not a metric of a ${this.#options.kind}`);
    }
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }

  #bounds(name: NameOf<"histogram">): number[] {
    return boundsOf(CATALOGUE[name].buckets, this.#targets);
  }

  #note(name: MetricName, metric: Counter | Histogram): void {
    const labels: readonly LabelName[] = CATALOGUE[name].labels;
    if (labels.includes("provider")) this.#ofProviders.push(metric);
  }

  /** Series of providers that are not configured any more. Gauges report all of theirs with each scrape. */
  async #forgetRemoved(): Promise<void> {
    const { providers } = this.#options.gateway.current;
    const removed = new Set(this.#seen.filter((name) => !Object.hasOwn(providers, name)));
    this.#seen = Object.keys(providers);
    if (removed.size === 0) return;
    const isGone = ({ provider }: Labels) => removed.has(String(provider));
    for (const family of this.#counters) family.forget(isGone);
    for (const histogram of this.#hot) histogram.remove(isGone);
    for (const metric of this.#ofProviders) {
      for (const { labels } of (await metric.get()).values) {
        // A histogram tells each of its bounds apart.
        const { le: _, ...own } = labels as Record<string, string>;
        if (isGone(own)) metric.remove(own);
      }
    }
  }

  #close(labels: Labels): Record<string, string> {
    return Object.fromEntries(
      Object.entries(labels).map(([name, value]) => [
        name,
        this.#isAllowed(name as LabelName, String(value)) ? String(value) : OTHER,
      ]),
    );
  }

  #isAllowed(name: LabelName, value: string): boolean {
    const allowed: typeof CONFIGURED | readonly string[] = LABELS[name];
    if (allowed !== CONFIGURED) return allowed.includes(value);
    const { current } = this.#options.gateway;
    if (name === "provider") return Object.hasOwn(current.providers, value);
    if (this.#models.of !== current) this.#models = modelsOf(current);
    return this.#models.names.has(value);
  }
}

/** Every combination of what these labels may say. */
function seriesOf(labels: readonly LabelName[], providers: readonly string[]) {
  let combined: Record<string, string>[] = [{}];
  for (const label of labels) {
    const allowed: typeof CONFIGURED | readonly string[] = LABELS[label];
    const values = allowed === CONFIGURED ? providers : allowed;
    combined = combined.flatMap((series) => values.map((value) => ({ ...series, [label]: value })));
  }
  return combined;
}

function modelsOf(gateway: MeasuredGateway) {
  return {
    of: gateway,
    names: new Set(Object.values(gateway.providers).map(({ model }) => model)),
  };
}
