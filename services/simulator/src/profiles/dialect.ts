/**
 * How one provider spells things on the wire. Everything that differs between providers is behind
 * this interface; when and in which bytes it is sent is not.
 */

import type { IncomingHttpHeaders } from "node:http";
import type { Call } from "../tools/calls.ts";

export type Json = Readonly<Record<string, unknown>>;

/** What all frames of one answer have in common. */
export interface Turn {
  readonly id: string;
  /** Of the HTTP exchange, where a provider reports one. */
  readonly requestId: string;
  readonly model: string;
  /** Unix seconds. */
  readonly created: number;
  /** The request had `stream_options.include_usage`. */
  readonly usageAsked: boolean;
  /** The answer has reasoning, as a thinking model's would. */
  readonly thinks: boolean;
}

export interface Usage {
  readonly promptTokens: number;
  /** Reasoning included. */
  readonly completionTokens: number;
  readonly reasoningTokens: number;
}

export type Delta = TextDelta | CallDelta;

export interface TextDelta {
  readonly kind: "text" | "reasoning";
  readonly text: string;
}

/** A piece of a tool call; the first of each has its id and name. */
export interface CallDelta {
  readonly kind: "call";
  readonly index: number;
  readonly id?: string;
  readonly name?: string;
  /** Of the arguments. */
  readonly text: string;
}

export interface WholeAnswer {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly Call[];
  /** `null` for an answer that broke off. */
  readonly finish: string | null;
}

export interface RefusalCause {
  readonly status: number;
  readonly requestId: string;
  /** Replaces the provider's own sentence for this status. */
  readonly message?: string | undefined;
  /** Another error of this status than the usual one: the provider's own code, or our name for it. */
  readonly code?: string | undefined;
  /** What a 404 is about; a model unless said otherwise. */
  readonly missing?: "model" | "path" | undefined;
}

/** A complete HTTP response that is not an answer. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SseEvent {
  readonly event?: string;
  readonly data: string;
}

/** An `undefined` usage means: leave all usage numbers out. */
export interface Dialect {
  /** Whether the provider continues a trailing assistant message when it is asked to. */
  readonly continues?: boolean;
  readonly streamType: string;
  /** Of an answer that is not streamed, where it is not the usual one. */
  readonly wholeType?: string;
  /** Fields of a request that are documented; a strict answer refuses others. */
  readonly fields: readonly string[];
  /** The error code for a key that is refused on its looks. */
  keyProblem?(key: string): string | undefined;
  /** How long a request may wait for its first byte, by its own headers. */
  queueLimitMs?(headers: IncomingHttpHeaders): number;
  /** A fresh id for an answer. */
  newId(now: Date): string;
  /** Headers of every response that is an answer. */
  headers(requestId: string): Readonly<Record<string, string>>;
  /** What comes before the first delta. */
  open(turn: Turn, usage: Usage | undefined): readonly Json[];
  delta(turn: Turn, delta: Delta, usage: Usage | undefined): Json;
  /** What comes after the last delta, up to `[DONE]`. */
  close(turn: Turn, finish: string, usage: Usage | undefined): readonly Json[];
  /** The body of an answer that is not streamed. */
  whole(turn: Turn, answer: WholeAnswer, usage: Usage | undefined): Json;
  refusal(cause: RefusalCause): Refusal;
  /** An error inside a stream that began with HTTP 200. */
  streamError(turn: Turn, code?: string): SseEvent;
  model(id: string): Json;
}

export function tokenCounts({ promptTokens, completionTokens }: Usage) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

/** What a chunk's `delta` says, in the usual names. */
export function deltaFields(delta: Delta): Json {
  switch (delta.kind) {
    case "text":
      return { content: delta.text };
    case "reasoning":
      return { reasoning_content: delta.text };
    case "call":
      return { tool_calls: [callFields(delta)] };
  }
}

/** An element of `tool_calls` of a chunk. */
export function callFields({ index, id, name, text }: CallDelta): Json {
  if (id === undefined) return { index, function: { arguments: text } };
  return { index, id, type: "function", function: { name, arguments: text } };
}

/** `message` of an answer that is not streamed. */
export function message({ text, reasoning, calls }: WholeAnswer): Json {
  const called = calls.map(({ id, ...call }) => ({ id, type: "function", function: call }));
  return {
    role: "assistant",
    content: text === "" && called.length > 0 ? null : text,
    ...(reasoning !== "" && { reasoning_content: reasoning }),
    ...(called.length > 0 && { tool_calls: called }),
  };
}
