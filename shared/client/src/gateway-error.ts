/** Everything that can go wrong, each with a code to branch on. */
import type { WireErrorCode } from "./wire.ts";

/** What goes wrong on this side of the wire. */
export type ClientErrorCode =
  /** This runtime has no WebSocket and none was given. */
  | "no_websocket"
  /** No connection to a gateway for as long as the client tries. */
  | "connection_failed"
  /** The gateway closed the connection for good, or did not keep to the protocol. */
  | "connection_refused"
  /** The gateway does not know the run any more: the client was away for too long. */
  | "run_lost"
  /** Another attempt began, and its answer differs from the text that was read: `RestartedError`. */
  | "restarted"
  /** The run took longer than its `timeoutMs`. */
  | "timeout"
  /** `close` was called. */
  | "closed";

export type GatewayErrorCode = WireErrorCode | ClientErrorCode;

export interface GatewayErrorOptions extends ErrorOptions {
  readonly retryable: boolean;
  readonly retryAfterMs?: number | undefined;
}

/** Why a run has no answer. Neither message nor cause has text of a question or an answer. */
export class GatewayError extends Error {
  override name = "GatewayError";
  readonly code: GatewayErrorCode;
  /** Whether the same question may succeed if it is asked again. */
  readonly retryable: boolean;
  /** After how long asking again makes sense, where the gateway said so; in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: GatewayErrorCode, message: string, options: GatewayErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * The run was cancelled: by `signal`, by `cancel()`, or by another reader of the session. Its name is that of
 * `fetch`'s own error, `AbortError`; `cause` is the signal's reason.
 */
export class CancelledError extends GatewayError {
  override name = "AbortError";

  constructor(message: string, options?: ErrorOptions) {
    super("cancelled", message, { retryable: true, ...options });
  }
}

/**
 * The attempt that was being read is lost, and the next one says something else. The run goes on: throw
 * away what was shown and read it again, which begins with the new attempt's first word.
 */
export class RestartedError extends GatewayError {
  override name = "RestartedError";

  constructor() {
    super(
      "restarted",
      "Another attempt began, and its answer differs from the text that was read.",
      {
        retryable: true,
      },
    );
  }
}
