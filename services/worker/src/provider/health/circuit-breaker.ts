/**
 * Keeps runs away from a provider account that is down.
 *
 * While the circuit is open, the worker probes the provider itself, with growing waits, so that no run is lost on a
 * test. The first good answer closes the circuit.
 *
 * States are those of cockatiel: closed → open after enough failures → half open for one probe → closed or open.
 */
import type { ErrorCode } from "@openclaw/protocol";
import type { Logger } from "@openclaw/runtime";
import {
  type CircuitBreakerPolicy,
  CircuitState,
  CountBreaker,
  circuitBreaker,
  ExponentialBackoff,
  halfJitterGenerator,
  handleAll,
} from "cockatiel";

/** The default of `CircuitBreakerOptions.failures`. */
const FAILURES = 5;
/**
 * First and longest wait between two probes. A provider that is up again gets runs within 10 s. Each worker takes a
 * random wait between half and all of it, so that they do not probe together.
 */
const PROBE_AGAIN = { initialDelay: 500, maxDelay: 6_000, generator: halfJitterGenerator };
const PROBE_TICK_MS = 250;

export interface CircuitBreakerOptions {
  readonly provider: string;
  /**
   * Checks that the provider works again, after it failed with `code`. Throws if it does not. Bounded in time.
   */
  readonly probe: (code: ErrorCode) => Promise<void>;
  readonly log: Pick<Logger, "info" | "warn" | "error">;
  /** Opens after this many failures, if they are at least half of the last attempts. */
  readonly failures?: number | undefined;
}

export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions;
  readonly #policy: CircuitBreakerPolicy;
  #code: ErrorCode | undefined;
  #probing: NodeJS.Timeout | undefined;
  /** While the circuit is open: its start on the monotonic clock, and the number of probes. */
  #outage: { readonly since: number; questions: number } | undefined;
  #stopped = false;

  constructor(options: CircuitBreakerOptions) {
    this.#options = options;
    const { provider, log, failures = FAILURES } = options;
    this.#policy = circuitBreaker(handleAll, {
      halfOpenAfter: new ExponentialBackoff(PROBE_AGAIN),
      breaker: new CountBreaker({
        size: 2 * failures,
        minimumNumberOfCalls: failures,
        threshold: 0.499,
      }),
    });
    // Also called after each failed probe.
    this.#policy.onBreak(() => {
      if (this.#stopped || this.#outage) return;
      this.#outage = { since: performance.now(), questions: 0 };
      log.warn({ provider, code: this.#code }, "circuit opened");
      this.#probing = setInterval(() => this.#probe(), PROBE_TICK_MS).unref();
    });
    this.#policy.onReset(() => {
      const { since = performance.now(), questions = 0 } = this.#outage ?? {};
      const openMs = Math.round(performance.now() - since);
      log.info({ provider, code: this.#code, openMs, questions }, "circuit closed");
      this.#code = undefined;
      this.#outage = undefined;
      this.#stopProbing();
    });
  }

  /** The failure that opened the circuit; undefined while the circuit is closed. */
  get code(): ErrorCode | undefined {
    return this.#isClosed ? undefined : this.#code;
  }

  /** An attempt completed its answer. */
  succeeded(): void {
    if (this.#isClosed) this.#note(undefined);
  }

  /** An attempt failed, and the fault is the provider's. */
  failed(code: ErrorCode): void {
    if (!this.#isClosed) return;
    this.#code = code;
    this.#note(new Error(code));
  }

  stop(): void {
    this.#stopped = true;
    this.#stopProbing();
  }

  get #isClosed(): boolean {
    return this.#policy.state === CircuitState.Closed;
  }

  #stopProbing(): void {
    clearInterval(this.#probing);
    this.#probing = undefined;
  }

  #note(failure: Error | undefined): void {
    const outcome = () => (failure ? Promise.reject(failure) : Promise.resolve());
    // The policy throws the failure again. The attempt has handled it.
    this.#policy.execute(outcome).catch(() => undefined);
  }

  /** The policy decides whether it is time for a probe. */
  #probe(): void {
    const code = this.#code;
    if (this.#policy.state !== CircuitState.Open || code === undefined) return;
    // Rejects if it is not time yet, or if the provider is still down. The next tick tries again.
    const ask = () => {
      if (this.#outage) this.#outage.questions += 1;
      return this.#options.probe(code);
    };
    this.#policy.execute(ask).catch(() => undefined);
  }
}
