/**
 * Writes one run as a stream of chat completion chunks.
 *
 * As in v1, text that was sent cannot be taken back, so later attempts pass through a repeat filter. The stream
 * begins with the first piece of the answer. Until then, a failure is an HTTP error.
 */
import { type Failure, failure, type Usage } from "@openclaw/protocol";
import type {
  DeltaEntry,
  Position,
  StartedEntry,
  TerminalEntry,
  ToolCallEntry,
} from "@openclaw/stream";
import { type Answer, type DeltaOutcome, failureOf } from "./answer.ts";
import { AnswerRepeatFilter } from "./answer-repeat-filter.ts";
import { reasoningFields, toolCallOf, usageOf } from "./chat-shape.ts";

/** Where events go. */
export interface EventSink {
  /** Whether anything was sent. If so, a failure must be an event of the stream. */
  readonly isStreaming: boolean;
  /** Answers whether the sink can take more. */
  write(text: string): boolean;
  end(): void;
  cork(write: () => void): void;
}

export interface ChatStreamAnswerOptions {
  readonly id: string;
  /** Unix time in seconds. */
  readonly created: number;
  readonly includesUsage: boolean;
  readonly sink: EventSink;
  /** The run failed before anything was sent. */
  readonly onRefused: (reason: Failure) => void;
  /** The body of an error event. */
  readonly describe: (reason: Failure) => unknown;
}

const DONE = "data: [DONE]\n\n";

export class ChatStreamAnswer implements Answer {
  readonly isResumable = false;
  readonly isStreamed = true;
  readonly #options: ChatStreamAnswerOptions;
  readonly #filter = new AnswerRepeatFilter();
  #isAnotherAttempt = false;
  #hasBegun = false;
  /** Every chunk begins with this head, up to the delta, and ends with the tail. */
  #head = "";
  readonly #tail: string;

  constructor(options: ChatStreamAnswerOptions) {
    this.#options = options;
    this.#tail = options.includesUsage ? ',"usage":null}\n\n' : "}\n\n";
  }

  onAccepted(): void {
    // This API has no event for it.
  }

  onQueued(): void {
    // Nor for this.
  }

  onStarted(_position: Position, { provider, model }: StartedEntry): void {
    if (this.#isAnotherAttempt) this.#filter.restart();
    this.#isAnotherAttempt = true;
    // Clients may read the model from any chunk, so all chunks have the model of the first.
    if (this.#hasBegun) return;
    const { id, created } = this.#options;
    const common = {
      id,
      object: "chat.completion.chunk",
      created,
      model: `${provider}/${model}`,
    };
    this.#head = `data: ${JSON.stringify(common).slice(0, -1)},"choices":[`;
  }

  onDelta(_position: Position, { type, text, isRefusal }: DeltaEntry): DeltaOutcome {
    if (type === "text") {
      const fresh = isRefusal ? this.#filter.refusal(text) : this.#filter.text(text);
      if (fresh === undefined) return "interrupted";
      return fresh === "" ? "held" : this.#delta({ [isRefusal ? "refusal" : "content"]: fresh });
    }
    const fresh = this.#filter.reasoning(text);
    if (fresh === undefined) return "interrupted";
    if (fresh === "") return "held";
    // Reasoning is not text: TTFT counts from the first text of the answer.
    return this.#delta(reasoningFields(fresh)) === "full" ? "full" : "held";
  }

  onToolCall(_position: Position, call: ToolCallEntry): DeltaOutcome {
    const fresh = this.#filter.call(call);
    if (fresh === undefined) return "interrupted";
    return fresh === "known" ? "held" : this.#delta({ tool_calls: [toolCallOf(fresh)] });
  }

  onTerminal(terminal: TerminalEntry): false {
    if (terminal.type !== "completed") this.#fail(failureOf(terminal));
    // The attempt that finished said less than the client was shown.
    else if (this.#filter.isBehind) this.#fail(failure("interrupted"));
    else this.#finish(terminal.finish, terminal.usage);
    return false;
  }

  batch(write: () => void): void {
    this.#options.sink.cork(write);
  }

  #delta(delta: object): DeltaOutcome {
    this.#begin();
    return this.#choice(delta, null) ? "written" : "full";
  }

  /** Clients expect the role first. */
  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#choice({ role: "assistant", content: "" }, null);
  }

  #finish(finish: string, usage: Usage | undefined): void {
    const { sink, includesUsage } = this.#options;
    this.#begin();
    this.#choice({}, finish);
    if (includesUsage && usage) {
      sink.write(`${this.#head}],"usage":${JSON.stringify(usageOf(usage))}}\n\n`);
    }
    sink.write(DONE);
    sink.end();
  }

  #fail(reason: Failure): void {
    const { sink, onRefused, describe } = this.#options;
    if (!sink.isStreaming) {
      onRefused(reason);
      return;
    }
    // Without an end marker, so that no client takes this for a whole answer.
    sink.write(`data: ${JSON.stringify(describe(reason))}\n\n`);
    sink.end();
  }

  #choice(delta: object, finish: string | null): boolean {
    const choice = `{"index":0,"delta":${JSON.stringify(delta)},"finish_reason":${JSON.stringify(finish)}}]`;
    return this.#options.sink.write(this.#head + choice + this.#tail);
  }
}
