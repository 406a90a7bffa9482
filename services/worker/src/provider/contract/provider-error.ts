/**
 * Every way in which a provider can fail a run.
 *
 * Users and logs get the message. So it consists of our own sentences and of closed vocabularies (a status, a known
 * code). A provider's error text may quote the prompt or the key. The worker reads it to choose a code, and keeps it
 * nowhere, not even as a `cause`.
 */
import {
  type ConnectionLabel,
  ERROR_CODES,
  type ErrorCode,
  type Failure,
  failure,
} from "@openclaw/protocol";
import { jsonType } from "./json.ts";

export interface ProviderErrorOptions {
  /** The provider's configured name. */
  readonly provider: string;
  /** For the brackets at the end of the sentence, such as `HTTP 401`. */
  readonly detail?: string | undefined;
  readonly status?: number | undefined;
  readonly connection?: ConnectionLabel | undefined;
  readonly retryAfterMs?: number | undefined;
  /** See `ProviderError.codeWithoutText`. */
  readonly codeWithoutText?: ErrorCode | undefined;
  readonly cause?: unknown;
}

export class ProviderError extends Error {
  readonly code: ErrorCode;
  readonly failure: Failure;
  /** The exact fault, in words that are safe to log: `HTTP 401`, `content is of type number`. */
  readonly detail?: string;
  /** HTTP status of the response, if there was one. */
  readonly status?: number;
  /** Whether the socket was warm, if the request had one. */
  readonly connection?: ConnectionLabel;
  /** How long the account is to rest, if the provider says so; at most ten minutes. */
  readonly retryAfterMs?: number;
  /**
   * The code without the provider's sentences, which may quote the request. The effect on other runs follows the
   * weaker of the two codes.
   */
  readonly codeWithoutText: ErrorCode;

  constructor(code: ErrorCode, options: ProviderErrorOptions) {
    const { provider, detail, status, connection, retryAfterMs, codeWithoutText, cause } = options;
    const message = sentence(code, provider, detail);
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ProviderError";
    this.code = code;
    this.codeWithoutText = codeWithoutText ?? code;
    this.failure = failure(code, message, retryAfterMs);
    if (detail !== undefined) this.detail = detail;
    if (status !== undefined) this.status = status;
    if (connection !== undefined) this.connection = connection;
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }
}

/** Makes the error of one exchange. It knows the provider and the connection; the caller adds the fault. */
export type Fail = (code: ErrorCode, detail?: string) => ProviderError;

/**
 * Makes the error for a field that carries a part of the answer in an unknown form.
 *
 * To skip such a field could lose a part of the answer, so the attempt fails. The error names the field in our own
 * words and the value by its type only: both go to the log and to the user.
 */
export function malformed(fail: Fail, field: string, value: unknown): ProviderError {
  return fail("provider_malformed", `${field} is of type ${jsonType(value)}`);
}

/** Says the code's own sentence with the provider's name in it: "zhipu is overloaded (HTTP 503)." */
function sentence(code: ErrorCode, provider: string, detail: string | undefined): string {
  const general: string = ERROR_CODES[code].message;
  const named = general.replace(/the provider/i, () => provider);
  const subject = named === general ? `${provider}: ${general}` : named;
  return detail === undefined ? subject : `${subject.replace(/\.$/, "")} (${detail}).`;
}
