/** A real Prometheus of a test's own: it scrapes each second, and evaluates its rules as often. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, freePort } from "@openclaw/testing";

export interface PrometheusOptions {
  /** Hosts and ports of each job, all of which have `/metrics`. */
  readonly jobs: Readonly<Record<string, readonly string[]>>;
  /** Contents of rule files. */
  readonly rules: readonly string[];
}

/** One series of an answer, at this moment. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** May be NaN, which is the value of 0 / 0. */
  readonly value: number;
}

export class Prometheus {
  readonly #url: string;
  readonly #directory: string;
  readonly #process: ChildProcess;

  private constructor(url: string, directory: string, process: ChildProcess) {
    this.#url = url;
    this.#directory = directory;
    this.#process = process;
  }

  /** Resolves when it answers. @throws where there is none on the PATH, or it does not take what it is given */
  static async start(options: PrometheusOptions): Promise<Prometheus> {
    const directory = await mkdtemp(join(tmpdir(), "openclaw-test-prometheus-"));
    const address = `127.0.0.1:${await freePort()}`;
    await writeConfiguration(directory, options);
    const child = spawn(
      "prometheus",
      [
        `--config.file=${join(directory, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(directory, "data")}`,
        `--web.listen-address=${address}`,
        "--log.level=warn",
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    const prometheus = new Prometheus(`http://${address}`, directory, child);
    try {
      await prometheus.#ready();
    } catch (error) {
      await prometheus.stop();
      throw error;
    }
    return prometheus;
  }

  /** The moment it has by its own clock, in seconds since 1970: for several queries of one moment. */
  async now(): Promise<number> {
    return (await this.query("time()"))[0]?.value ?? Number.NaN;
  }

  /**
   * What an expression is at a moment of `now`, right now by default.
   *
   * @throws with Prometheus' own words where it is no expression
   */
  async query(expr: string, at?: number): Promise<Sample[]> {
    const body = new URLSearchParams({
      query: expr,
      ...(at !== undefined && { time: String(at) }),
    });
    const response = await fetch(`${this.#url}/api/v1/query`, { method: "POST", body });
    const answer = (await response.json()) as Answer;
    if (answer.status !== "success") throw new Error(`${answer.error}: ${expr}`);
    const { resultType, result } = answer.data;
    if (resultType === "scalar") return [{ labels: {}, value: Number(result[1]) }];
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** Whether there is anything to be shown: a series at least, and a number at that. */
  async hasData(expr: string, at?: number): Promise<boolean> {
    return (await this.query(expr, at)).some(({ value }) => !Number.isNaN(value));
  }

  /** Ends it at once, and removes what it stored. */
  async stop(): Promise<void> {
    const { exitCode, signalCode, pid } = this.#process;
    if (pid !== undefined && exitCode === null && signalCode === null) {
      const exited = once(this.#process, "exit");
      this.#process.kill("SIGKILL");
      await exited;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #ready(): Promise<void> {
    let words = "";
    let failure: Error | undefined;
    this.#process.stderr?.on("data", (chunk) => {
      words += chunk;
    });
    this.#process.on("error", (error) => {
      failure = new Error("no prometheus on the PATH: install Debian's package prometheus", {
        cause: error,
      });
    });
    this.#process.on("exit", (code) => {
      failure ??= new Error(`prometheus exited (${code}): ${words}`);
    });
    await eventually(
      "prometheus answers",
      async () => {
        if (failure) throw failure;
        // Until it listens, the connection is refused.
        const answer = await fetch(`${this.#url}/-/ready`).catch(() => undefined);
        return answer?.ok;
      },
      { withinMs: 20_000, everyMs: 50 },
    );
  }
}

/** Of `/api/v1/query`. */
type Answer =
  | { readonly status: "error"; readonly error: string }
  | {
      readonly status: "success";
      readonly data:
        | { readonly resultType: "scalar"; readonly result: readonly [number, string] }
        | {
            readonly resultType: "vector";
            readonly result: readonly {
              readonly metric: Readonly<Record<string, string>>;
              readonly value: readonly [number, string];
            }[];
          };
    };

async function writeConfiguration(
  directory: string,
  { jobs, rules }: PrometheusOptions,
): Promise<void> {
  const files = rules.map((_, index) => `rules-${index}.yml`);
  const configuration = {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: files,
    scrape_configs: Object.entries(jobs).map(([job, targets]) => ({
      job_name: job,
      static_configs: [{ targets }],
    })),
  };
  // JSON is YAML, too.
  const contents = [JSON.stringify(configuration), ...rules];
  const names = ["prometheus.yml", ...files];
  await Promise.all(names.map((name, at) => writeFile(join(directory, name), contents[at] ?? "")));
}
