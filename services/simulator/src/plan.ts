/** All that is decided before the first byte: which deltas, when, and how the answer ends. */
import { answerPieces } from "./answer-for.ts";
import type { ChatRequest } from "./chat-request.ts";
import type { Directive } from "./directive.ts";
import type { Delta, Usage } from "./profiles/dialect.ts";
import type { Timing } from "./profiles/profiles.ts";
import type { Newline, Portions } from "./sse.ts";
import { piecesFor } from "./text/pieces.ts";
import { createRandom, seedOf } from "./text/random.ts";

/** A new fault that ends an answer early is one more kind here and one more case in `conclude`. */
export type EndingKind = "complete" | "cut" | "reset" | "stall" | "end" | "truncate" | "error";

/** What a delta is lost in, in an answer that goes on to its end. */
export type SpoilKind = "garbage" | "badJson" | "huge";

/** Where an answer goes wrong: after so many deltas, or at its end. */
interface At<Kind> {
  readonly kind: Kind;
  readonly after: number;
}

export interface Plan {
  readonly kind: EndingKind;
  readonly spoil: At<SpoilKind> | undefined;
  /** Reasoning first; already shortened to what the ending lets through. */
  readonly deltas: readonly Delta[];
  readonly reasoningCount: number;
  readonly promptTokens: number;
  readonly finish: string;
  readonly usage: boolean;
  readonly done: boolean;
  readonly firstTokenMs: number;
  readonly gapMs: number;
  readonly portions: Portions;
  readonly newline: Newline;
}

export function planAnswer(request: ChatRequest, profile: string, timing: Timing): Plan {
  const { directive, prompt, promptTokens } = request;
  const { reasoning = [] } = directive;
  const all = piecesLeft(answerPieces({ prompt, profile }, directive), request.partial);
  // A directive that spells the text out is obeyed to the letter, whatever limit a worker sets.
  const spelled = directive.text !== undefined || directive.pieces !== undefined;
  const pieces = spelled ? all : all.slice(0, request.maxPieces);
  const deltas = [
    ...reasoning.map((text): Delta => ({ kind: "reasoning", text })),
    ...pieces.map((text): Delta => ({ kind: "text", text })),
  ];
  const { kind, after } = endingOf(directive);
  return {
    kind,
    spoil: spoilOf(directive),
    deltas: deltas.slice(0, after),
    reasoningCount: Math.min(reasoning.length, after),
    promptTokens,
    finish: directive.finish ?? (pieces.length < all.length ? "length" : "stop"),
    usage: directive.usage ?? true,
    done: directive.done ?? true,
    firstTokenMs: directive.firstTokenMs ?? jittered(timing, `${profile}:${prompt}`),
    gapMs: directive.gapMs ?? 1_000 / timing.piecesPerSecond,
    portions: { bytes: directive.chunkBytes, pauseMs: directive.dripMs },
    newline: directive.newline ?? "lf",
  };
}

/** What follows `partial` in this answer; in the place of another answer's beginning, as many pieces later. */
function piecesLeft(pieces: readonly string[], partial: string | undefined): readonly string[] {
  if (partial === undefined) return pieces;
  const text = pieces.join("");
  if (text.startsWith(partial)) return piecesFor(text.slice(partial.length));
  return pieces.slice(piecesFor(partial).length);
}

/** Usage once `sent` deltas are out, or nothing if it is to be left out. */
export function usageAfter(plan: Plan, sent: number): Usage | undefined {
  if (!plan.usage) return undefined;
  return {
    promptTokens: plan.promptTokens,
    completionTokens: sent,
    reasoningTokens: Math.min(sent, plan.reasoningCount),
  };
}

/** An answer shorter than `after` meets its fault at its end: a fault asked for always happens. */
function endingOf(fields: Directive): At<EndingKind> {
  const { cutAfter, resetAfter, stallAfter, endAfter, truncateAfter, errorAfter } = fields;
  if (cutAfter !== undefined) return { kind: "cut", after: cutAfter };
  if (resetAfter !== undefined) return { kind: "reset", after: resetAfter };
  if (stallAfter !== undefined) return { kind: "stall", after: stallAfter };
  if (endAfter !== undefined) return { kind: "end", after: endAfter };
  if (truncateAfter !== undefined) return { kind: "truncate", after: truncateAfter };
  if (errorAfter !== undefined) return { kind: "error", after: errorAfter };
  return { kind: "complete", after: Number.POSITIVE_INFINITY };
}

function spoilOf({ garbageAfter, badJsonAfter, hugeAfter }: Directive): At<SpoilKind> | undefined {
  if (garbageAfter !== undefined) return { kind: "garbage", after: garbageAfter };
  if (badJsonAfter !== undefined) return { kind: "badJson", after: badJsonAfter };
  if (hugeAfter !== undefined) return { kind: "huge", after: hugeAfter };
  return undefined;
}

function jittered({ firstTokenMs, jitterMs }: Timing, key: string): number {
  const swing = createRandom(seedOf(`pace:${key}`))() * 2 - 1;
  return Math.max(0, firstTokenMs + swing * jitterMs);
}
