import type { Dialect } from "./dialect.ts";

/** OpenAI itself, and servers that follow its specification. */
export const openai: Dialect = {
  requestFields: () => ({ stream_options: { include_usage: true } }),
  codes: {},
};
