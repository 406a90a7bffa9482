/**
 * `POST /v1/chat/completions`: what people's OpenAI clients speak, on the same queue and stream as
 * everything else.
 */
import type { TemplatedApp } from "uWebSockets.js";
import type { GatewayConfigSource } from "@openclaw/config";
import {
  type ChatCompletion,
  type ChatCompletionRequest,
  type Failure,
  failure,
  parametersOfChat,
} from "@openclaw/protocol";
import type { TerminalEntry } from "@openclaw/stream";
import { parseChatRequest } from "../../admission/chat-request.ts";
import { namedModels, providerFor } from "../../admission/model-choice.ts";
import type { RunStarter } from "../../admission/run-starter.ts";
import type { Answer } from "../../answers/answer.ts";
import { messageOf, usageOf } from "../../answers/chat-shape.ts";
import { ChatStreamAnswer } from "../../answers/chat-stream-answer.ts";
import { GatheredAnswer } from "../../answers/gathered-answer.ts";
import type { GatheredText } from "../../answers/gathered-text.ts";
import { failureOf } from "../../answers/terminal-failure.ts";
import { apiError, refuse } from "../exchange/api-error.ts";
import type { HttpExchange } from "../exchange/http-exchange.ts";
import { readRequest } from "./read-request.ts";
import { type RouteGroup, type RouteOptions, route } from "./route-group.ts";

export interface ChatDoorOptions extends RouteOptions {
  readonly starter: Pick<RunStarter, "newRunId" | "refusal" | "refused" | "begin">;
  readonly gateway: Pick<GatewayConfigSource, "current">;
  /** Longest body that is read, in bytes. */
  readonly maxBodyBytes: number;
  /** Longest conversation in one request, in UTF-8 bytes of its JSON. */
  readonly maxMessageBytes: number;
}

/** What is known of an answer before it begins. */
interface AnswerHead {
  readonly requestId: string;
  readonly id: string;
  /** Unix time in seconds. */
  readonly created: number;
}

export class ChatRoutes implements RouteGroup {
  readonly #options: ChatDoorOptions;

  constructor(options: ChatDoorOptions) {
    this.#options = options;
  }

  serve(app: TemplatedApp): void {
    app.post(
      "/v1/chat/completions",
      route(this.#options, (exchange) => this.#answer(exchange)),
    );
  }

  async #answer(exchange: HttpExchange): Promise<void> {
    const { starter, gateway, maxBodyBytes: maxBytes } = this.#options;
    const parse = (body: Buffer) => parseChatRequest(body, this.#options);
    const request = await readRequest(exchange, { maxBytes, parse });
    if (!request) return;
    const provider = providerFor(request.model, gateway.current);
    if (provider === undefined) {
      refuse(exchange, this.#unknownModel(request.model), { param: "model" });
      return;
    }
    const refusal = starter.refusal(provider, parametersOfChat(request), request.messages);
    if (refusal) refuse(exchange, refusal, { param: refusal.problem?.field ?? null });
    else this.#begin(exchange, request, provider);
  }

  #begin(exchange: HttpExchange, request: ChatCompletionRequest, provider: string): void {
    const { starter } = this.#options;
    const requestId = starter.newRunId();
    const created = Math.floor(Date.now() / 1_000);
    const head = { requestId, id: `chatcmpl-${requestId}`, created };
    const run = starter.begin({
      runId: requestId,
      // Nobody can come back for it, so it is nobody else's.
      session: requestId,
      messages: request.messages,
      provider,
      wishes: parametersOfChat(request),
      traceparent: exchange.request.header("traceparent"),
      answer: request.stream
        ? this.#streamed(exchange, head, request)
        : this.#whole(exchange, head),
      onEnded: () => undefined,
    });
    exchange.onGone(() => run.cancel("disconnected"));
    exchange.onDrain(() => run.resume());
  }

  #streamed(exchange: HttpExchange, head: AnswerHead, request: ChatCompletionRequest): Answer {
    const { requestId, ...common } = head;
    exchange.stream({ "x-request-id": requestId });
    return new ChatStreamAnswer({
      ...common,
      includesUsage: request.stream_options?.include_usage === true,
      sink: exchange,
      onRefused: (reason) => refuse(exchange, reason, head),
      describe: apiError,
    });
  }

  #whole(exchange: HttpExchange, head: AnswerHead): Answer {
    return new GatheredAnswer((terminal, gathered) => {
      if (terminal.type !== "completed") refuse(exchange, failureOf(terminal), head);
      else {
        const headers = { "x-request-id": head.requestId };
        exchange.reply(200, completionOf(head, terminal, gathered), headers);
      }
    });
  }

  #unknownModel(model: string): Failure {
    const known = [...namedModels(this.#options.gateway.current).keys()].join(", ");
    const asked = model.slice(0, 64);
    return failure(
      "unknown_provider",
      `The model \`${asked}\` does not exist here. There are: ${known}.`,
    );
  }
}

function completionOf(
  { id, created }: AnswerHead,
  { finish, usage }: Extract<TerminalEntry, { type: "completed" }>,
  gathered: GatheredText,
): ChatCompletion {
  return {
    id,
    object: "chat.completion",
    created,
    model: `${gathered.provider}/${gathered.model}`,
    choices: [{ index: 0, message: messageOf(gathered), logprobs: null, finish_reason: finish }],
    ...(usage && { usage: usageOf(usage) }),
  };
}
