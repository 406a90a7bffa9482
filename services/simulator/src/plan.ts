/** All that is decided before the first byte: which deltas, when, and how the answer ends. */
import { answerPieces } from "./answer-for.ts";
import type { ChatRequest } from "./chat-request.ts";
import type { Directive } from "./directive.ts";
import type { Encoding } from "./encoder.ts";
import type { CallDelta, Delta, Usage } from "./profiles/dialect.ts";
import type { Timing } from "./profiles/profiles.ts";
import { inlined } from "./quirks/quirky-dialect.ts";
import type { Framing, Portions } from "./sse.ts";
import { piecesFor } from "./text/pieces.ts";
import { createRandom, seedOf } from "./text/random.ts";
import { streamedCalls } from "./tools/call-deltas.ts";
import { answerToResults, callsFor } from "./tools/calls.ts";

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
  /** Part of the chunk that has the finish reason. */
  readonly closingCall: CallDelta | undefined;
  readonly reasoningCount: number;
  readonly promptTokens: number;
  readonly finish: string;
  readonly usage: boolean;
  readonly done: boolean;
  readonly firstTokenMs: number;
  readonly gapMs: number;
  readonly portions: Portions;
  readonly framing: Framing;
  /** The last event has no line ends behind it. */
  readonly endsOpen: boolean;
  /** The whole answer comes once more, behind its last chunk. */
  readonly wholeLast: boolean;
  readonly encoding: Encoding | undefined;
  /** Sent behind everything. */
  readonly trailer: string;
  /** How often silence is filled with a comment. */
  readonly commentMs: number | undefined;
  /** After how many deltas another stream is glued on, and how long after. */
  readonly splice: { readonly after: number; readonly pauseMs: number } | undefined;
}

export function planAnswer(request: ChatRequest, profile: string, timing: Timing): Plan {
  const { directive, prompt, promptTokens } = request;
  const { reasoning = [], chunkBytes: bytes, dripMs: pauseMs, rechunk: seed } = directive;
  const calls = callsFor(directive, request.tools);
  const streamed = streamedCalls(calls, directive.callsAs);
  const said = saidIn(request, profile, calls.length > 0);
  const all = piecesLeft(said, request.partial);
  // A directive that spells the text out is obeyed to the letter, whatever limit a worker sets.
  const spelled = [directive.text, directive.pieces, directive.echo].some(
    (given) => given !== undefined,
  );
  const pieces = spelled ? all : all.slice(0, request.maxPieces);
  const parsed = [
    ...reasoning.map((text): Delta => ({ kind: "reasoning", text })),
    ...pieces.map((text): Delta => ({ kind: "text", text })),
    ...streamed.deltas,
  ];
  const deltas = directive.reasoningAs === "think" ? inlined(parsed) : parsed;
  const { kind, after } = endingOf(directive);
  return {
    kind,
    spoil: spoilOf(directive),
    deltas: deltas.slice(0, after),
    reasoningCount: Math.min(reasoning.length, after),
    promptTokens,
    closingCall: streamed.closing,
    finish: directive.finish ?? finishOf(pieces.length < all.length, calls.length > 0),
    usage: directive.usage ?? true,
    done: directive.done ?? true,
    firstTokenMs:
      directive.lateMs ?? directive.firstTokenMs ?? jittered(timing, `${profile}:${prompt}`),
    gapMs: directive.gapMs ?? 1_000 / timing.piecesPerSecond,
    portions: { bytes, pauseMs, seed, limit: directive.cutAtByte ?? directive.resetAtByte },
    framing: framingOf(directive),
    endsOpen: directive.lastBlank === false,
    wholeLast: directive.wholeLast ?? false,
    encoding: directive.encoding,
    trailer: directive.trailer ?? "",
    commentMs: directive.commentMs,
    splice: spliceOf(directive),
  };
}

/** The text of the answer, in pieces. */
function saidIn(request: ChatRequest, profile: string, calls: boolean): readonly string[] {
  const { directive, prompt, tools } = request;
  if (directive.echo) return piecesFor(request.body);
  const { text, pieces, words } = directive;
  if (calls) {
    const isSpoken = [text, pieces, words].some((given) => given !== undefined);
    return isSpoken ? answerPieces({ prompt, profile }, directive) : [];
  }
  if (tools.results.length > 0) return piecesFor(answerToResults(tools.results));
  return answerPieces({ prompt, profile }, directive);
}

function finishOf(isShortened: boolean, calls: boolean): string {
  if (isShortened) return "length";
  return calls ? "tool_calls" : "stop";
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
  // The sender counts how many bytes that is.
  if (fields.cutAtByte !== undefined) return { kind: "cut", after: Number.POSITIVE_INFINITY };
  if (fields.resetAtByte !== undefined) return { kind: "reset", after: Number.POSITIVE_INFINITY };
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

function framingOf({ newline = "lf", framing = [] }: Directive): Framing {
  return { newline, ...Object.fromEntries(framing.map((form) => [form, true])) };
}

function spliceOf({ spliceAfter: after, splicePauseMs: pauseMs = 0 }: Directive): Plan["splice"] {
  return after === undefined ? undefined : { after, pauseMs };
}

function jittered({ firstTokenMs, jitterMs }: Timing, key: string): number {
  const swing = createRandom(seedOf(`pace:${key}`))() * 2 - 1;
  return Math.max(0, firstTokenMs + swing * jitterMs);
}
