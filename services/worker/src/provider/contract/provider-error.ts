/**
 * Every way in which a provider can fail a run.
 *
 * The message is shown to users and written to logs, so it is made of our own sentences and closed
 * vocabularies only (a status, a known code). A provider's error text may quote the prompt or the key:
 * it is read to choose a code and then forgotten, and is not kept as a `cause` either.
 */
import {
  type ConnectionLabel,
  ERROR_CODES,
  type ErrorCode,
  type Failure,
  failure,
} from "@openclaw/protocol";

export interface ProviderErrorOptions {
  /** The provider's configured name. */
  readonly provider: string;
  /** A few words for the brackets at the end of the sentence, such as `HTTP 401`. */
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
  /** What exactly, in a few words that may be logged: `HTTP 401`, `content is of type number`. */
  readonly detail?: string;
  /** HTTP status of the response, where there was one. */
  readonly status?: number;
  /** How the socket came to be, where the request got as far as having one. */
  readonly connection?: ConnectionLabel;
  /** How long the provider asks to be left alone, where it says so; at most ten minutes. */
  readonly retryAfterMs?: number;
  /**
   * What it would be without the provider's sentences, which may quote the request: others are slowed down or
   * kept away by no more than that.
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

/** Makes the error of one exchange: who and on which connection is known to the maker, what is not. */
export type Fail = (code: ErrorCode, detail?: string) => ProviderError;

/** Says the code's own sentence with the provider's name in it: "zhipu is overloaded (HTTP 503)." */
function sentence(code: ErrorCode, provider: string, detail: string | undefined): string {
  const general: string = ERROR_CODES[code].message;
  const named = general.replace(/the provider/i, () => provider);
  const subject = named === general ? `${provider}: ${general}` : named;
  return detail === undefined ? subject : `${subject.replace(/\.$/, "")} (${detail}).`;
}
