/**
 * Small questions to one provider, through the client and under the deadlines of a worker, so that
 * what comes of them is what a run would meet.
 *
 * The warm ones go out on a connection that was opened before the cold ones and has waited since, as
 * the spare sockets of a worker do.
 */
import type { ProviderConfig } from "@openclaw/config";
import { type Logger, untilAborted } from "@openclaw/runtime";
import { ProviderError } from "../provider/contract/provider-error.ts";
import { createProviderClient, type ProviderClient } from "../provider/provider-client.ts";
import { Deadlines } from "../run/deadlines.ts";
import type { Answer, Temperature } from "./report.ts";
import { Stopwatch } from "./stopwatch.ts";

/** Has an answer of many pieces, on which no provider needs to think. */
export const QUESTION = "Count from one to thirty in English words, separated by commas.";
/** Enough to see an answer stream, and next to nothing on a bill. */
export const MAX_TOKENS = 64;

const REQUEST = {
  messages: [{ role: "user", content: QUESTION }],
  options: { maxTokens: MAX_TOKENS },
} as const;

export interface AskerOptions {
  readonly name: string;
  readonly config: ProviderConfig;
  readonly log: Logger;
  /** Ends every wait. */
  readonly signal: AbortSignal;
}

export class Asker {
  readonly #options: AskerOptions;
  readonly #warm: ProviderClient;

  constructor(options: AskerOptions) {
    this.#options = options;
    this.#warm = clientOf(options, { warm: 1 });
  }

  /** Opens the connection for the warm questions. @throws the signal's reason once it is aborted */
  async start(): Promise<void> {
    await untilAborted(this.#warm.start(), this.#options.signal);
  }

  /** @throws ProviderError for every way the provider can fail, the signal's reason once it is aborted */
  async ask(temperature: Temperature): Promise<Answer> {
    const { signal } = this.#options;
    if (temperature === "warm") return readAnswer(this.#warm, signal);
    const cold = clientOf(this.#options, { warm: 0 });
    try {
      await cold.start();
      return await readAnswer(cold, signal);
    } finally {
      await cold.stop();
    }
  }

  async stop(): Promise<void> {
    await this.#warm.stop();
  }
}

function clientOf({ name, config, log }: AskerOptions, { warm }: { warm: number }): ProviderClient {
  const pool = { ...config.pool, connections: 2, warm };
  return createProviderClient({ name, config: { ...config, pool }, log });
}

async function readAnswer(client: ProviderClient, signal: AbortSignal): Promise<Answer> {
  const { name, config } = client;
  const late = new AbortController();
  const deadlines = new Deadlines(name, config.timeouts, (error) => late.abort(error));
  const either = AbortSignal.any([signal, late.signal]);
  const stopwatch = new Stopwatch();
  try {
    for await (const event of client.stream(REQUEST, { signal: either })) {
      if (event.type === "text" || event.type === "reasoning") deadlines.progress();
      stopwatch.note(event);
    }
  } finally {
    deadlines.clear();
  }
  const answer = stopwatch.read();
  if (answer === undefined) throw new ProviderError("provider_empty", { provider: name });
  return answer;
}
