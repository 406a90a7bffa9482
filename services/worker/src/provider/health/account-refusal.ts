/**
 * Whether a provider account is refused as such: for its key, its quota or its model.
 *
 * Providers refuse single requests in the same words and statuses. So a refused run is only a suspicion,
 * and holds up nobody. A plain question of our own decides: what is refused to it is refused to all. The
 * cluster asks it at most once a second, and of a refused account ever more rarely, as mostly somebody has
 * to mend something first. All workers share what it has shown (`AccountVerdicts`).
 *
 * Without Redis there is no question and no new verdict: nobody is held back. What was confirmed before
 * stays so until Redis answers again.
 */
import { createHash } from "node:crypto";
import type { ProviderConfig } from "@openclaw/config";
import { type ErrorCode, isErrorCode } from "@openclaw/protocol";
import { type AccountVerdict, ASK_EVERY_MS, type RefusedAccount } from "@openclaw/queue";
import type { Logger } from "@openclaw/runtime";
import { ProviderError } from "../contract/provider-error.ts";
import { policyOf } from "./failure-policy.ts";

/** How often a worker that holds an account for refused looks whether it still is. */
const LOOK_EVERY_MS = 1_000;
const ID_LENGTH = 16;

/** What came of a question. `unknown`: it could not be asked, or failed in another way. */
export type QuestionResult = "accepted" | "refused" | "unknown";

export interface AccountRefusalOptions {
  readonly provider: string;
  /** Asks the account a plain question. Throws where it fails; bounded in time. */
  readonly ask: () => Promise<void>;
  readonly verdict: AccountVerdict;
  readonly onAsked: (result: QuestionResult) => void;
  readonly log: Pick<Logger, "info" | "error">;
}

export class AccountRefusal {
  readonly #options: AccountRefusalOptions;
  #code: ErrorCode | undefined;
  #isAtIt = false;
  #next: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: AccountRefusalOptions) {
    this.#options = options;
  }

  /** What the account is refused for, once that is confirmed. */
  get code(): ErrorCode | undefined {
    return this.#code;
  }

  /** A run was refused in words that are the account's. */
  suspect(): void {
    if (this.#code === undefined) void this.#look();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#next);
  }

  /** Once at a time. Never rejects. */
  async #look(): Promise<void> {
    if (this.#isAtIt || this.#stopped) return;
    this.#isAtIt = true;
    try {
      await this.#judge();
    } catch {
      // Redis is away. The next refused run, or the next look, tries again.
      this.#options.onAsked("unknown");
    }
    this.#isAtIt = false;
    if (this.#code === undefined || this.#stopped) return;
    this.#next = setTimeout(() => void this.#look(), LOOK_EVERY_MS).unref();
  }

  async #judge(): Promise<void> {
    const { verdict } = this.#options;
    const known = await verdict.read();
    if (this.#code !== undefined && known === undefined) this.#code = undefined;
    else if (this.#code === undefined && known !== undefined) this.#learn(known);
    else if (await verdict.mayAsk(waitAfter(known))) await this.#ask(waitAfter(known));
  }

  /** Another worker has asked. */
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
      // Out of reach, silent or broken: that says nothing of the account.
      if (!(error instanceof ProviderError) || !isOfAccount(error.code)) {
        return { result: "unknown" };
      }
      return { result: "refused", code: error.code };
    }
  }
}

/** Whether a failure means that the account is refused, if it is not the request. */
function isOfAccount(code: ErrorCode): boolean {
  return policyOf(code).askMostMs !== undefined;
}

/** How long nobody may ask again: twice as long each time, up to what the policy says. */
function waitAfter(known: RefusedAccount | undefined): number {
  if (known === undefined) return ASK_EVERY_MS;
  const { askMostMs } = isErrorCode(known.code) ? policyOf(known.code) : {};
  return Math.min(2 * known.waitMs, askMostMs ?? known.waitMs);
}

/**
 * The id of an account in the cluster. It changes with all that a refusal may lie in, so that a mended
 * configuration begins anew, and two names for one account share it. The key cannot be read from it.
 */
export function accountIdOf({ baseUrl, apiKey, model }: ProviderConfig): string {
  const account = JSON.stringify([baseUrl, apiKey, model]);
  return createHash("sha256").update(account).digest("base64url").slice(0, ID_LENGTH);
}
