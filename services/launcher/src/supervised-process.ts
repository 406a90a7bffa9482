/**
 * Keeps one process alive for as long as the cluster runs.
 *
 * A process that dies is started again: at first almost at once, then after growing waits. So a process that cannot
 * live does not eat the machine. A process that has lived for a while is trusted again.
 */
import { backOffMs, sleep } from "@openclaw/runtime";

/** The last third is chance, so that siblings do not return as one. */
const BACK_OFF = { firstMs: 500, mostMs: 10_000, steady: 2 / 3 };
const TRUSTED_AFTER_MS = 30_000;

/** A process that is up. */
export interface RunningProcess {
  /** Resolves once it is gone, wanted or not, with how: "exit code 1", "signal SIGKILL". */
  readonly exited: Promise<string>;
  /**
   * Lets it finish, for a bounded time. Resolves once it is gone. Safe twice.
   *
   * @param withinMs its work in flight, where that is less than it would take by itself
   */
  stop(withinMs?: number): Promise<void>;
  kill(): void;
}

export interface SupervisedOptions<P extends RunningProcess> {
  readonly name: string;
  /** Resolves when it is ready. If `signal` aborts before, it is killed and this rejects. */
  readonly launch: (signal: AbortSignal) => Promise<P>;
  /** Told one line for each death, and one when it is up again. */
  readonly report: (line: string) => void;
  readonly random?: () => number;
}

export class SupervisedProcess<P extends RunningProcess = RunningProcess> {
  readonly name: string;
  readonly #options: SupervisedOptions<P>;
  readonly #leaving = new AbortController();
  #current: P | undefined;
  /** Settles when the process is gone and will not be started again. */
  #ended: Promise<void> = Promise.resolve();

  constructor(options: SupervisedOptions<P>) {
    this.name = options.name;
    this.#options = options;
  }

  /** Resolves when it is ready. The caller reports a failed first start, which leaves no process behind. */
  start(): Promise<P> {
    const first = this.#launch();
    this.#ended = first.then(
      (process) => this.#keepAlive(process),
      () => undefined, // the caller is told through `first`
    );
    return first;
  }

  /** See `RunningProcess.stop`. */
  async stop(withinMs?: number): Promise<void> {
    this.#leaving.abort();
    await this.#current?.stop(withinMs);
    await this.#ended;
  }

  kill(): void {
    this.#leaving.abort();
    this.#current?.kill();
  }

  async #launch(): Promise<P> {
    const process = await this.#options.launch(this.#leaving.signal);
    this.#current = process;
    // A launch that cannot be cancelled may succeed after all.
    if (this.#leaving.signal.aborted) await process.stop();
    return process;
  }

  async #keepAlive(first: P): Promise<void> {
    let process: P | undefined = first;
    let failures = 0;
    while (process !== undefined) {
      const readyAt = performance.now();
      const how = await process.exited;
      if (performance.now() - readyAt > TRUSTED_AFTER_MS) failures = 0;
      let death: Death = { what: `ended unexpectedly (${how})`, details: "" };
      process = undefined;
      while (process === undefined && !this.#leaving.signal.aborted) {
        failures += 1;
        await this.#backOff(death, failures);
        process = await this.#launch().catch((error: unknown) => {
          death = { what: "did not start", details: `: ${messageOf(error)}` };
          return undefined;
        });
      }
      if (!this.#leaving.signal.aborted) this.#options.report(`${this.name} is up again`);
    }
  }

  async #backOff({ what, details }: Death, failures: number): Promise<void> {
    const ms = restartDelayMs(failures, this.#options.random);
    const seconds = (ms / 1_000).toFixed(1);
    this.#options.report(`${this.name} ${what}; starting it again in ${seconds} s${details}`);
    await sleep(ms, this.#leaving.signal);
  }
}

interface Death {
  readonly what: string;
  readonly details: string;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** @param failures in a row, from 1; @returns milliseconds until the next start */
export function restartDelayMs(failures: number, random = Math.random): number {
  return Math.round(backOffMs(failures - 1, { ...BACK_OFF, random }));
}
