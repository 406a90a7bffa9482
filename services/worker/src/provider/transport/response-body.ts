/** Reads and drains response bodies, within limits of bytes and time. */
import type { Readable } from "node:stream";
import type { Fail } from "../contract/provider-error.ts";
import { DecodedBody } from "./content-encoding.ts";

/** How much of an error's body is read: enough for any envelope, but not for a page. */
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_ERROR_MS = 2_000;
const MAX_DRAIN_BYTES = 64 * 1024;
const MAX_DRAIN_MS = 1_000;

/** Chunks as they arrive. Leaving the loop early does not close the socket; the caller decides. */
export function chunksOf(body: Readable): AsyncIterable<Uint8Array> {
  const iterator = body.iterator({ destroyOnReturn: false });
  return { [Symbol.asyncIterator]: () => iterator };
}

interface Closable {
  readonly body: Readable;
  readonly close: () => void;
}

interface ErrorResponse extends Closable {
  readonly encodings: readonly string[];
}

/** Returns the beginning of an error's body, or the part that came in time. Never throws. */
export async function readErrorBody(response: ErrorResponse, fail: Fail): Promise<string> {
  const timer = setTimeout(response.close, MAX_ERROR_MS);
  const decoder = new TextDecoder();
  let text = "";
  let body: DecodedBody | undefined;
  try {
    body = new DecodedBody(chunksOf(response.body), response.encodings, fail);
    while (text.length <= MAX_ERROR_BYTES) {
      const bytes = await body.next();
      if (bytes === undefined) break;
      text += decoder.decode(bytes, { stream: true });
    }
  } catch {
    // The body was cut, too slow, or broken. The status is known; the body would only refine it.
  } finally {
    clearTimeout(timer);
    body?.close();
  }
  drain(response);
  return text.slice(0, MAX_ERROR_BYTES);
}

/**
 * Reads the few bytes behind the end of an answer, so that the socket can carry the next run. If the provider does not end
 * the response, the socket is closed instead.
 */
export function drain({ body, close }: Closable): void {
  if (body.destroyed || body.readableEnded) return;
  let left = MAX_DRAIN_BYTES;
  const timer = setTimeout(close, MAX_DRAIN_MS).unref();
  body.on("close", () => clearTimeout(timer));
  body.on("data", (chunk: Uint8Array) => {
    left -= chunk.length;
    if (left < 0) close();
  });
  body.resume();
}
