/** One request on a pool, from its queue to the head of the response. */
import type { Readable } from "node:stream";
import { untilAborted } from "@openclaw/runtime";
import type { Dispatcher, Pool } from "undici";

export interface SendingOptions {
  readonly pool: Pool;
  readonly request: Dispatcher.RequestOptions;
  /** The longest that the request may wait for a socket. */
  readonly connectMs: number;
  readonly signal: AbortSignal;
  /** Whether the request has a socket. */
  readonly isConnected: () => boolean;
  /** The error of a request that got no socket in time. */
  readonly lateness: () => Error;
  /** Closes the socket of the request. */
  readonly close: () => void;
}

/**
 * Sends a request and resolves with the head of the response. An abort of `signal` closes the socket, until the body
 * is closed.
 *
 * @throws the error of undici, of `lateness`, or the signal's reason
 */
export async function sendRequest(options: SendingOptions): Promise<Dispatcher.ResponseData> {
  const { pool, request, connectMs, signal, isConnected, lateness, close } = options;
  const forget = () => signal.removeEventListener("abort", close);
  // Must come before the listener that undici adds.
  signal.addEventListener("abort", close, { once: true });
  const connecting = new AbortController();
  const connectTimer = setTimeout(() => {
    if (!isConnected()) connecting.abort(lateness());
  }, connectMs);
  try {
    // A request without a socket may wait behind dials and pauses of the pool. Its own wait is bounded.
    const either = AbortSignal.any([signal, connecting.signal]);
    // undici notices an abort only once the request has its socket. A run that is over must not wait for that.
    const response = await untilAborted(pool.request({ ...request, signal: either }), either);
    ignoreErrors(response.body).on("close", forget);
    return response;
  } catch (error) {
    forget();
    throw error;
  } finally {
    clearTimeout(connectTimer);
  }
}

/** undici destroys a body with an error. A reader of the body gets the same error; a body may have no reader. */
export function ignoreErrors<Body extends Readable>(body: Body): Body {
  return body.on("error", () => undefined);
}
