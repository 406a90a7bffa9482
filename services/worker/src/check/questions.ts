/**
 * Small questions to one provider, through the client and under the deadlines of a worker, so that the results are those
 * of a run.
 *
 * Warm questions use a connection that was opened before the cold questions and has waited since, as the spare sockets
 * of a worker do.
 */
import type { ProviderConfig, Target } from "@openclaw/config";
import { type Logger, untilAborted } from "@openclaw/runtime";
import { ProviderError } from "../provider/contract/provider-error.ts";
import { createProviderClient, type ProviderClient } from "../provider/provider-client.ts";
import { Deadlines } from "../run/deadlines.ts";
import {
  type Answer,
  firstTextOf,
  MAX_TOKENS,
  meets,
  QUESTION,
  type Temperature,
} from "./report.ts";
import { Stopwatch } from "./stopwatch.ts";

const REQUEST = {
  messages: [{ role: "user", content: QUESTION }],
  options: { maxTokens: MAX_TOKENS },
} as const;

export interface QuestionClientOptions {
  readonly name: string;
  readonly config: ProviderConfig;
  readonly log: Logger;
  /** Ends every wait. */
  readonly signal: AbortSignal;
}

/** Asks the provider once for each call. */
export class QuestionClient {
  readonly #options: QuestionClientOptions;
  readonly #warm: ProviderClient;

  constructor(options: QuestionClientOptions) {
    this.#options = options;
    this.#warm = clientOf(options, { warm: 1 });
  }

  /** Opens the connection for the warm questions. @throws the signal's reason once it is aborted */
  async start(): Promise<void> {
    await untilAborted(this.#warm.start(), this.#options.signal);
  }

  /** @throws ProviderError for every failure of the provider, the signal's reason once it is aborted */
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

function clientOf(
  { name, config, log }: QuestionClientOptions,
  { warm }: { readonly warm: number },
): ProviderClient {
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

/** Asks a second time if the first answer was too slow, and keeps the better one. One slow answer may be an accident. */
export class Questions {
  readonly answers: Partial<Record<Temperature, Answer>> = {};
  asked = 0;
  readonly #ask: (temperature: Temperature) => Promise<Answer>;

  constructor(ask: (temperature: Temperature) => Promise<Answer>) {
    this.#ask = ask;
  }

  /** @throws ProviderError. Earlier answers stay */
  async ask(temperature: Temperature, target: Target): Promise<void> {
    const first = await this.#once(temperature);
    this.answers[temperature] = first;
    if (meets(first, target) && first.connection === temperature) return;
    const second = await this.#once(temperature);
    if (isBetter(second, first, temperature)) this.answers[temperature] = second;
  }

  #once(temperature: Temperature): Promise<Answer> {
    this.asked += 1;
    return this.#ask(temperature);
  }
}

function isBetter(one: Answer, other: Answer, temperature: Temperature): boolean {
  const [isRight, wasRight] = [one, other].map(({ connection }) => connection === temperature);
  return isRight === wasRight ? firstTextOf(one) < firstTextOf(other) : isRight === true;
}
