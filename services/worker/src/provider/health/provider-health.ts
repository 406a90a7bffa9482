import { type ProviderHealthReport, RecentMean } from "@openclaw/metrics";
import type { ErrorCode } from "@openclaw/protocol";
import type { AccountVerdict } from "@openclaw/queue";
import { AccountRefusal, type QuestionResult } from "./account-refusal.ts";
import { CircuitBreaker, type CircuitBreakerOptions } from "./circuit-breaker.ts";
import { effectOf, policyOf } from "./failure-policy.ts";

const TOO_MANY_COMPLAINTS = 0.3;
const REST_MS = 500;

/** Why a provider gets no runs now, and for how long if that is known. */
export interface Closed {
  readonly code: ErrorCode;
  readonly forMs?: number;
}

export interface ProviderHealthOptions extends CircuitBreakerOptions {
  /** Asks the account a plain question. Throws where it fails; bounded in time. */
  readonly ask: () => Promise<void>;
  /** The verdict of the cluster on the account. Without it, the account never counts as refused. */
  readonly verdict?: AccountVerdict | undefined;
  /** A question to an account that may be refused was answered. */
  readonly onAsked?: ((result: QuestionResult) => void) | undefined;
}

/** Whether one provider account gets runs of this process, by how earlier runs came out. */
export class ProviderHealth {
  readonly #breaker: CircuitBreaker;
  readonly #refusal: AccountRefusal | undefined;
  readonly #firstTokenMs = new RecentMean();
  readonly #failures = new RecentMean();
  /** Share of attempts that were too much for the account. */
  readonly #complaints = new RecentMean();
  /** Why the account rests, and until when on the monotonic clock. */
  #rest: { readonly code: ErrorCode; readonly until: number } | undefined;

  constructor(options: ProviderHealthOptions) {
    const { provider, log, probe, ask, verdict, onAsked = () => undefined } = options;
    this.#breaker = new CircuitBreaker({
      ...options,
      probe: (code) => this.#unlessResting(() => probe(code)),
    });
    this.#refusal =
      verdict &&
      new AccountRefusal({
        ...{ provider, log, verdict, onAsked },
        ask: () => this.#unlessResting(ask),
      });
  }

  /** Undefined if the account gets runs. */
  get closed(): Closed | undefined {
    const forMs = this.#restMs;
    if (this.#rest && forMs > 0) return { code: this.#rest.code, forMs };
    const code = this.#refusal?.code ?? this.#breaker.code;
    return code === undefined ? undefined : { code };
  }

  /** Whether the account gets runs, and if not why. */
  get state(): "available" | "open" | "resting" | "refused" {
    if (this.#restMs > 0) return "resting";
    if (this.#refusal?.code !== undefined) return "refused";
    return this.#breaker.code === undefined ? "available" : "open";
  }

  /** The first token of an attempt came. */
  firstToken(afterMs: number): void {
    this.#firstTokenMs.add(afterMs);
  }

  /** An attempt completed its answer. */
  finished(): void {
    this.#failures.add(0);
    this.#complaints.add(0);
    this.#breaker.succeeded();
  }

  /**
   * An attempt failed. A refused account counts only once a question has confirmed it.
   *
   * @param codeWithoutText see `ProviderError.codeWithoutText`
   */
  failed(code: ErrorCode, codeWithoutText = code): void {
    if ([code, codeWithoutText].every(isSure)) this.#failures.add(1);
    if (effectOf(code, codeWithoutText).counts) this.#breaker.failed(code);
    if (policyOf(code).askMostMs !== undefined) this.#refusal?.suspect();
  }

  /**
   * The account has too much to do. It rests for as long as it says. Without `Retry-After` it rests for a moment if many
   * attempts were too much, since otherwise it would refuse all queued runs within that moment. One complaint in many
   * attempts is no sign for the next attempt.
   */
  complained(code: ErrorCode, retryAfterMs: number | undefined): void {
    this.#complaints.add(1);
    const isTooMuch = (this.#complaints.value ?? 0) > TOO_MANY_COMPLAINTS;
    const restMs = retryAfterMs ?? (isTooMuch ? REST_MS : 0);
    if (restMs > 0) this.rest(code, restMs);
  }

  /** The account rests for this long, or longer if it rests already. */
  rest(code: ErrorCode, forMs: number): void {
    const until = performance.now() + forMs;
    if (until > (this.#rest?.until ?? 0)) this.#rest = { code, until };
  }

  /** A resting account gets no questions either. */
  async #unlessResting(question: () => Promise<void>): Promise<void> {
    if (this.#restMs > 0) throw new Error("the account rests");
    await question();
  }

  get #restMs(): number {
    return this.#rest ? Math.ceil(this.#rest.until - performance.now()) : 0;
  }

  report(): ProviderHealthReport {
    const { code } = this.closed ?? {};
    const [firstTokenMs, failureShare] = [this.#firstTokenMs.value, this.#failures.value];
    return {
      state: this.state,
      ...(code !== undefined && { code }),
      ...(firstTokenMs !== undefined && { firstTokenMs: Math.round(firstTokenMs) }),
      ...(failureShare !== undefined && { failureShare: Math.round(failureShare * 100) / 100 }),
    };
  }

  stop(): void {
    this.#breaker.stop();
    this.#refusal?.stop();
  }
}

/** Whether the fault is surely the account's or the provider's, without a confirmation. */
function isSure(code: ErrorCode): boolean {
  const { fault, askMostMs } = policyOf(code);
  return fault !== "request" && askMostMs === undefined;
}
