/**
 * Keeps runs away from a provider account that is down.
 *
 * No user's run is spent on finding out whether it is well again: while the circuit is open, the worker
 * asks the provider itself, ever more rarely, and the first good answer closes it.
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

/** What opens a circuit where nobody says otherwise. */
const FAILURES = 5;
/**
 * First and longest wait between two looks at a provider that is down, which is used again within 10 s. Each
 * worker takes between half of a wait and all of it, so that not all of them look at once.
 */
const LOOK_AGAIN = { initialDelay: 500, maxDelay: 6_000, generator: halfJitterGenerator };
const LOOK_TICK_MS = 250;

export interface CircuitBreakerOptions {
  readonly provider: string;
  /**
   * Whether the provider does again what it failed to do, as `code` says. Throws where it does not;
   * bounded in time.
   */
  readonly probe: (code: ErrorCode) => Promise<void>;
  readonly log: Pick<Logger, "info" | "warn" | "error">;
  /** Opens at so many failures, if they are at least half of the last attempts. */
  readonly failures?: number | undefined;
}

export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions;
  readonly #policy: CircuitBreakerPolicy;
  #code: ErrorCode | undefined;
  #looking: NodeJS.Timeout | undefined;
  /** While it is open: since when, on the monotonic clock, and how often the provider was asked. */
  #outage: { readonly since: number; questions: number } | undefined;
  #stopped = false;

  constructor(options: CircuitBreakerOptions) {
    this.#options = options;
    const { provider, log, failures = FAILURES } = options;
    this.#policy = circuitBreaker(handleAll, {
      halfOpenAfter: new ExponentialBackoff(LOOK_AGAIN),
      breaker: new CountBreaker({
        size: 2 * failures,
        minimumNumberOfCalls: failures,
        threshold: 0.499,
      }),
    });
    // Also after each look that failed.
    this.#policy.onBreak(() => {
      if (this.#stopped || this.#outage) return;
      this.#outage = { since: performance.now(), questions: 0 };
      log.warn({ provider, code: this.#code }, "circuit opened");
      this.#looking = setInterval(() => this.#look(), LOOK_TICK_MS).unref();
    });
    this.#policy.onReset(() => {
      const { since = performance.now(), questions = 0 } = this.#outage ?? {};
      const openMs = Math.round(performance.now() - since);
      log.info({ provider, code: this.#code, openMs, questions }, "circuit closed");
      this.#code = undefined;
      this.#outage = undefined;
      this.#stopLooking();
    });
  }

  /** The failure that opened the circuit; undefined while it is closed. */
  get code(): ErrorCode | undefined {
    return this.#isClosed ? undefined : this.#code;
  }

  /** An attempt came to the end of its answer. */
  succeeded(): void {
    if (this.#isClosed) this.#note(undefined);
  }

  /** An attempt failed for a reason that lies in the provider. */
  failed(code: ErrorCode): void {
    if (!this.#isClosed) return;
    this.#code = code;
    this.#note(new Error(code));
  }

  stop(): void {
    this.#stopped = true;
    this.#stopLooking();
  }

  get #isClosed(): boolean {
    return this.#policy.state === CircuitState.Closed;
  }

  #stopLooking(): void {
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  #note(failure: Error | undefined): void {
    const outcome = () => (failure ? Promise.reject(failure) : Promise.resolve());
    // The failure comes out again, and was dealt with before it went in.
    this.#policy.execute(outcome).catch(() => undefined);
  }

  /** The policy itself decides whether it is time. */
  #look(): void {
    const code = this.#code;
    if (this.#policy.state !== CircuitState.Open || code === undefined) return;
    // Refused because it is not time yet, or the provider is still down: the next tick looks again.
    const ask = () => {
      if (this.#outage) this.#outage.questions += 1;
      return this.#options.probe(code);
    };
    this.#policy.execute(ask).catch(() => undefined);
  }
}
