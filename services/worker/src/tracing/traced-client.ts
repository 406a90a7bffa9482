/**
 * Traces requests to a provider: a client span for each, by OpenTelemetry's semantic conventions for generative AI. A span
 * has counts and names, and no word of the conversation.
 */
import type { ProviderConfig } from "@openclaw/config";
import type { ErrorCode } from "@openclaw/protocol";
import type { Span, SpanOptions } from "@openclaw/tracing";
import { ProviderError } from "../provider/contract/provider-error.ts";
import type { ChatRequest, ProviderEvent } from "../provider/contract/provider-event.ts";
import type { ProviderClient } from "../provider/provider-client.ts";

/** A provider may send any text as the name of its model. */
const MAX_NAME = 128;

export interface RequestTrace {
  /** The parent of the spans. */
  readonly parent: Span;
  /** A request is over. @param error its code, if it failed */
  readonly onOver: (error: ErrorCode | undefined) => void;
}

/** The same client, with a span for each request. */
export function tracedClient(client: ProviderClient, trace: RequestTrace): ProviderClient {
  const { name, config, canContinue, health } = client;
  return {
    name,
    config,
    canContinue,
    health,
    start: () => client.start(),
    stop: () => client.stop(),
    stream: (request, options) => {
      return traced(client.stream(request, options), { client, request, trace });
    },
  };
}

interface Asked {
  readonly client: ProviderClient;
  readonly request: ChatRequest;
  readonly trace: RequestTrace;
}

async function* traced(
  events: AsyncIterable<ProviderEvent>,
  { client: { name, config }, request, trace }: Asked,
): AsyncGenerator<ProviderEvent, void, undefined> {
  const span = new RequestSpan(trace, {
    name: `chat ${config.model}`,
    kind: "client",
    attributes: { "openclaw.provider": name, ...attributesOf(config, request) },
  });
  try {
    for await (const event of events) {
      span.see(event);
      yield event;
    }
  } catch (error) {
    span.end(error);
    throw error;
  } finally {
    span.end();
  }
}

/** Ends only once. */
class RequestSpan {
  readonly #span: Span;
  readonly #onOver: RequestTrace["onOver"];
  readonly #beganAt = performance.now();
  #hasToken = false;
  #isOver = false;

  constructor({ parent, onOver }: RequestTrace, options: SpanOptions) {
    this.#span = parent.child(options);
    this.#onOver = onOver;
  }

  see(event: ProviderEvent): void {
    if (event.type === "headers") this.#span.set({ "openclaw.connection": event.connection });
    else if (event.type === "finished") this.#span.set(attributesOfEnd(event));
    else if (!this.#hasToken) {
      this.#hasToken = true;
      const seconds = (performance.now() - this.#beganAt) / 1_000;
      this.#span.set({ "gen_ai.response.time_to_first_chunk": seconds });
    }
  }

  /** @param reason only a `ProviderError` is a failure of the provider; anything else is a cancellation */
  end(reason?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const error = reason instanceof ProviderError ? reason : undefined;
    this.#span.set({ "http.response.status_code": error?.status });
    this.#span.end({ error: error?.code });
    this.#onOver(error?.code);
  }
}

function attributesOf({ kind, model, baseUrl }: ProviderConfig, { options }: ChatRequest) {
  const { hostname, port } = new URL(baseUrl);
  return {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": kind,
    "gen_ai.request.model": model,
    "gen_ai.request.stream": true,
    "gen_ai.request.max_tokens": options?.maxTokens,
    "gen_ai.request.temperature": options?.temperature,
    "gen_ai.request.top_p": options?.topP,
    "server.address": hostname,
    "server.port": port === "" ? undefined : Number(port),
  };
}

function attributesOfEnd({ finish, usage, model }: Extract<ProviderEvent, { type: "finished" }>) {
  return {
    "gen_ai.response.finish_reasons": [finish],
    "gen_ai.response.model": model?.slice(0, MAX_NAME),
    "gen_ai.usage.input_tokens": usage?.inputTokens,
    "gen_ai.usage.output_tokens": usage?.outputTokens,
  };
}
