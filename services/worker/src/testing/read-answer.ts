/** Reads a body as the client does, without a network. */
import type { ProviderKind } from "@openclaw/config";
import type { ErrorCode } from "@openclaw/protocol";
import { expect, it } from "vitest";
import { ProviderError } from "../provider/contract/provider-error.ts";
import type { ProviderEvent } from "../provider/contract/provider-event.ts";
import { AnswerReader } from "../provider/decode/answer-reader.ts";
import { dialectOf } from "../provider/dialects/dialect-of.ts";

export interface Outcome {
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string;
  /** Arguments of all pieces of a call, by its name, in order. */
  readonly calls: readonly (readonly [name: string, given: string])[];
  /** The last event of a complete answer, or the code of its failure. */
  readonly last: ProviderEvent | ErrorCode | undefined;
  readonly message: string;
}

export interface Reading {
  readonly kind?: ProviderKind;
  readonly mayCall?: boolean;
  readonly mayBeEmpty?: boolean;
  readonly finishesWithDone?: boolean;
}

/** Reads a whole body, given in pieces. */
export function readAnswer(
  pieces: readonly (string | Uint8Array)[],
  { kind = "openai", ...options }: Reading = {},
): Outcome {
  const fail = (code: ErrorCode, detail?: string) =>
    new ProviderError(code, { provider: kind, detail });
  const reader = new AnswerReader({ dialect: dialectOf(kind), fail, ...options });
  const events: ProviderEvent[] = [];
  try {
    for (const piece of pieces) {
      const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
      for (const event of reader.push(bytes)) events.push(event);
      if (reader.isDone) break;
    }
    events.push(...reader.end());
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return outcomeOf(events, error.code, error.message);
  }
  expect(events.filter(({ type }) => type === "finished")).toHaveLength(1);
  for (const event of events) if ("text" in event) expect(event.text).not.toBe("");
  return outcomeOf(events, events.at(-1));
}

function outcomeOf(events: readonly ProviderEvent[], last: Outcome["last"], message = ""): Outcome {
  const joined = (wanted: "text" | "reasoning", isRefusal?: true) =>
    events
      .map((event) =>
        event.type === wanted && ("isRefusal" in event ? true : undefined) === isRefusal
          ? event.text
          : "",
      )
      .join("");
  return {
    text: joined("text"),
    reasoning: joined("reasoning"),
    refusal: joined("text", true),
    calls: callsOf(events),
    last,
    message,
  };
}

function callsOf(events: readonly ProviderEvent[]): Outcome["calls"] {
  const pieces = events.filter((event) => event.type === "tool_call");
  return pieces
    .filter(({ name }) => name !== undefined)
    .map(({ index, name = "" }) => {
      const own = pieces.filter((piece) => piece.index === index);
      return [name, own.map((piece) => piece.arguments).join("")] as const;
    });
}

export const frame = (json: unknown) => `data: ${JSON.stringify(json)}\n\n`;

/** A chunk of an answer. */
export const chunk = (delta: unknown, rest: object = {}, top: object = {}) =>
  frame({ id: "1", model: "m", choices: [{ index: 0, delta, ...rest }], ...top });

export const DONE = "data: [DONE]\n\n";

export const STOP = chunk({}, { finish_reason: "stop" });
export const FINISHED = { type: "finished", finish: "stop" };

/** A whole completion as an event. */
export const whole = (message: object, rest: object = {}) =>
  frame({
    id: "1",
    object: "chat.completion",
    model: "m",
    choices: [
      { index: 0, message: { role: "assistant", ...message }, finish_reason: "stop", ...rest },
    ],
  });

export type Shape = readonly [body: readonly string[], answer: Partial<Outcome>];

/** Tests forms of answers. Each is read as it is, and cut at every byte of its first kilobyte. */
export function reads(shapes: Readonly<Record<string, Shape>>, options: object = {}): void {
  it.each(Object.entries(shapes))("%s", (_, [body, answer]) => {
    const right = { text: "", reasoning: "", refusal: "", calls: [], ...answer };
    expect(readAnswer(body, options)).toMatchObject({ last: FINISHED, ...right });
    const bytes = Buffer.from(body.join(""));
    for (let at = 1; at < Math.min(bytes.length, 1_024); at += 1) {
      const cut = readAnswer([bytes.subarray(0, at), bytes.subarray(at)], options);
      expect(cut).toMatchObject(right);
    }
  });
}
