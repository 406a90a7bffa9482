/** What a process says in Prometheus' text format, to be asked by name and labels. */
export class Scraped {
  readonly #series: readonly Series[];

  constructor(text: string | readonly Series[]) {
    this.#series = typeof text === "string" ? text.split("\n").flatMap(parse) : text;
  }

  /** Scrapes every process and takes their series together, as a Prometheus that has them all would. */
  static async of(urls: readonly string[]): Promise<Scraped> {
    const texts = await Promise.all(urls.map(async (url) => (await fetch(url)).text()));
    return new Scraped(texts.join("\n"));
  }

  /** What was added since an earlier look at the same processes; for counters and histograms. */
  minus(before: Scraped): Scraped {
    const taken = before.#series.map(({ value, ...series }) => ({ ...series, value: -value }));
    return new Scraped([...this.#series, ...taken]);
  }

  /** How many series there are whose name matches. */
  count(name: RegExp): number {
    return this.#series.filter((series) => name.test(series.name)).length;
  }

  /** The sum of all series of this name with these labels among theirs; 0 where there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.#series
      .filter((series) => series.name === name && has(series, labels))
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** Every value that a label has, in order. */
  values(label: string): string[] {
    return [...new Set(this.#series.flatMap(({ labels }) => labels[label] ?? []))].sort();
  }

  /** Bounds of a histogram in order, with the share of its observations that did not exceed each. */
  shares(name: string, labels: Readonly<Record<string, string>> = {}): Share[] {
    const all = this.sum(`${name}_count`, labels);
    const bounds = this.#series
      .filter((series) => series.name === `${name}_bucket` && has(series, labels))
      .map(({ labels: { le = "" } }) => le);
    return [...new Set(bounds)]
      .map((le) => ({
        le: le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le),
        share: this.sum(`${name}_bucket`, { ...labels, le }) / all,
      }))
      .sort((a, b) => a.le - b.le);
  }
}

export interface Share {
  readonly le: number;
  readonly share: number;
}

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function parse(line: string): Series[] {
  const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined) return [];
  const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]);
  return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
}

function has(series: Series, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([name, value]) => series.labels[name] === value);
}
