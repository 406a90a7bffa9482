/**
 * Whether a provider account is refused as such: for its key, its quota or its model.
 *
 * Providers refuse single requests with the same words and statuses. So a refused run is only a suspicion, and delays no
 * other run. A plain question of the worker decides: if it is refused too, the account is. The cluster asks at most once
 * a second, and a refused account with growing waits, since mostly an operator has to repair something first. All
 * workers share the verdict (`AccountVerdicts`).
 *
 * During an outage of Redis there are no questions and no new verdicts. A confirmed verdict stays until Redis answers
 * again.
 */
import { createHash } from "node:crypto";
import type { ProviderConfig } from "@openclaw/config";
import { type ErrorCode, isErrorCode } from "@openclaw/protocol";
import { type AccountVerdict, ASK_EVERY_MS, type RefusedAccount } from "@openclaw/queue";
import type { Logger } from "@openclaw/runtime";
import { ProviderError } from "../contract/provider-error.ts";
import { policyOf } from "./failure-policy.ts";

/** How often a worker checks the verdict on a refused account. */
const CHECK_EVERY_MS = 1_000;
const ID_LENGTH = 16;

/** The result of a question. `unknown`: it could not be asked, or failed for another reason. */
export type QuestionResult = "accepted" | "refused" | "unknown";

export interface AccountRefusalOptions {
  readonly provider: string;
  /** Asks the account a plain question. Throws if it fails. Bounded in time. */
  readonly ask: () => Promise<void>;
  readonly verdict: AccountVerdict;
  readonly onAsked: (result: QuestionResult) => void;
  readonly log: Pick<Logger, "info" | "error">;
}

export class AccountRefusal {
  readonly #options: AccountRefusalOptions;
  #code: ErrorCode | undefined;
  #isChecking = false;
  #next: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: AccountRefusalOptions) {
    this.#options = options;
  }

  /** Why the account is refused; undefined unless that is confirmed. */
  get code(): ErrorCode | undefined {
    return this.#code;
  }

  /** A run was refused with an account's failure. */
  suspect(): void {
    if (this.#code === undefined) void this.#check();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#next);
  }

  /** Once at a time. Never rejects. */
  async #check(): Promise<void> {
    if (this.#isChecking || this.#stopped) return;
    this.#isChecking = true;
    try {
      await this.#update();
    } catch {
      // An outage of Redis. The next refused run, or the next check, tries again.
      this.#options.onAsked("unknown");
    }
    this.#isChecking = false;
    if (this.#code === undefined || this.#stopped) return;
    this.#next = setTimeout(() => void this.#check(), CHECK_EVERY_MS).unref();
  }

  async #update(): Promise<void> {
    const { verdict } = this.#options;
    const known = await verdict.read();
    if (this.#code !== undefined && known === undefined) this.#code = undefined;
    else if (this.#code === undefined && known !== undefined) this.#learn(known);
    else if (await verdict.mayAsk(waitAfter(known))) await this.#ask(waitAfter(known));
  }

  /** Another worker has the verdict. */
  #learn({ code }: RefusedAccount): void {
    if (isErrorCode(code)) this.#code = code;
  }

  async #ask(waitMs: number): Promise<void> {
    const { provider, verdict, onAsked, log } = this.#options;
    const before = this.#code;
    const answer = await this.#answer();
    onAsked(answer.result);
    if (answer.result === "unknown" || this.#stopped) return;
    const { code } = answer;
    this.#code = code;
    if (before === undefined && code !== undefined) {
      log.error({ provider, code }, "provider refuses the account, left alone until it does not");
    } else if (before !== undefined && code === undefined) {
      log.info({ provider, code: before }, "provider accepts the account again");
    }
    await (code === undefined ? verdict.accepted() : verdict.refused({ code, waitMs }));
  }

  async #answer(): Promise<{ readonly result: QuestionResult; readonly code?: ErrorCode }> {
    try {
      await this.#options.ask();
      return { result: "accepted" };
    } catch (error) {
      // A provider that is out of reach, silent or broken shows nothing about the account.
      if (!(error instanceof ProviderError) || !isOfAccount(error.code)) {
        return { result: "unknown" };
      }
      return { result: "refused", code: error.code };
    }
  }
}

/** Whether a failure means a refused account, unless it is the request's. */
function isOfAccount(code: ErrorCode): boolean {
  return policyOf(code).askMostMs !== undefined;
}

/** The wait until the next question of the cluster: doubled each time, up to the limit of the policy. */
function waitAfter(known: RefusedAccount | undefined): number {
  if (known === undefined) return ASK_EVERY_MS;
  const { askMostMs } = isErrorCode(known.code) ? policyOf(known.code) : {};
  return Math.min(2 * known.waitMs, askMostMs ?? known.waitMs);
}

/**
 * The id of an account in the cluster. Two names for one account share it. It changes with every setting that may cause a
 * refusal, so that a repaired configuration starts without a verdict. The key cannot be read from it.
 */
export function accountIdOf({ baseUrl, apiKey, model }: ProviderConfig): string {
  const account = JSON.stringify([baseUrl, apiKey, model]);
  return createHash("sha256").update(account).digest("base64url").slice(0, ID_LENGTH);
}
