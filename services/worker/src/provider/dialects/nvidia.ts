import type { Dialect } from "./dialect.ts";
import { plainMessage, withoutDefaults } from "./plain-request.ts";

/** A model server is broken or full. This clears within seconds or minutes, with any HTTP status. */
const FULL_OR_BROKEN = /degraded function|resourceexhausted|worker local total request limit/;

/** NVIDIA's gateway refuses a higher `NVCF-POLL-SECONDS`. */
const MAX_POLL_SECONDS = 3_600;

/**
 * NVIDIA NIM, hosted: a gateway before many model servers. Errors of the gateway are problem JSON, errors of the servers
 * are `{error}`. Capacity errors come with status 400, 503, or inside a stream of status 200.
 */
export const nvidia: Dialect = {
  // Empty: some models refuse `stream_options`, and the switch for thinking differs between models.
  requestFields: () => ({}),
  message: plainMessage,
  limitName: () => "max_tokens",
  passedFields: ({ user: _, ...others }) => withoutDefaults(others),
  // The longest wait for a model server; by default 60 s. The worker waits no longer than `firstTokenMs`, so a full queue
  // must answer (504) and drop the request by then.
  requestHeaders: ({ timeouts }) => {
    const seconds = Math.floor(timeouts.firstTokenMs / 1_000);
    return { "nvcf-poll-seconds": String(Math.min(Math.max(1, seconds), MAX_POLL_SECONDS)) };
  },
  // Some of its model servers never send a finish reason.
  finishesWithDone: true,
  codes: {},
  classify: ({ text }) => (FULL_OR_BROKEN.test(text) ? "provider_overloaded" : undefined),
};
