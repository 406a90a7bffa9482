import type { Dialect } from "./dialect.ts";
import { plainMessage, withoutDefaults } from "./plain-request.ts";

/** A model's worker is broken or full. Clears within seconds or minutes, whatever the status says. */
const FULL_OR_BROKEN = /degraded function|resourceexhausted|worker local total request limit/;

/** The gateway's limits for `NVCF-POLL-SECONDS`: it refuses what is above. */
const MAX_POLL_SECONDS = 3_600;

/**
 * NVIDIA NIM, hosted. A gateway in front of many model servers: it answers with problem JSON, they
 * with `{error}`, and capacity errors come with status 400, 503, or inside a stream of status 200.
 */
export const nvidia: Dialect = {
  // Nothing: some models refuse `stream_options`, and how thinking is switched differs per model.
  requestFields: () => ({}),
  message: plainMessage,
  limitName: () => "max_tokens",
  passedFields: ({ user: _, ...others }) => withoutDefaults(others),
  // How long a request may wait for a model's worker, 60 s unless told. Nobody waits for a first token
  // longer than `firstTokenMs`: a full queue is to say so by then (504), and to forget the request.
  requestHeaders: ({ timeouts }) => {
    const seconds = Math.floor(timeouts.firstTokenMs / 1_000);
    return { "nvcf-poll-seconds": String(Math.min(Math.max(1, seconds), MAX_POLL_SECONDS)) };
  },
  // Some of its model servers never give a reason.
  finishesWithDone: true,
  codes: {},
  classify: ({ text }) => (FULL_OR_BROKEN.test(text) ? "provider_overloaded" : undefined),
};
