import type { Dialect } from "./dialect.ts";

/** A model's worker is broken or full. Clears within seconds or minutes, whatever the status says. */
const FULL_OR_BROKEN = /degraded function|resourceexhausted|worker local total request limit/;

/**
 * NVIDIA NIM, hosted. A gateway in front of many model servers: it answers with problem JSON, they
 * with `{error}`, and capacity errors come with status 400, 503, or inside a stream of status 200.
 */
export const nvidia: Dialect = {
  // Nothing: some models refuse `stream_options`, and how thinking is switched differs per model.
  requestFields: () => ({}),
  codes: {},
  classify: ({ text }) => (FULL_OR_BROKEN.test(text) ? "provider_overloaded" : undefined),
};
