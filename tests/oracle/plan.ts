/**
 * The grammar: what an answer says, and every manner of saying it that the decoder knows.
 *
 * A plan is drawn at random. `write-answer.ts` writes it as a provider would; `right-answer.ts` says what a client must
 * get. Most draws of each manner are OpenAI's own, so that its library has an opinion on most streams.
 */
import fc from "fast-check";
import { type PlannedCall, SAID } from "./said.ts";

export type Plan = ReturnType<typeof settle>;
type Draw = ReturnType<typeof drawWith> extends fc.Arbitrary<infer Value> ? Value : never;

/** Draws one word nearly always, the usual one, and else one of the others. */
type Mostly = typeof mostly;

function mostly<Word extends string | boolean>(weight: number, usual: Word, ...odd: Word[]) {
  return fc.oneof(
    { weight, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...odd) },
  );
}

const hardly: Mostly = (_, usual, ...odd) => mostly(1, usual, ...odd);

const cuts = fc.array(fc.nat(10_000), { maxLength: 4 });

const drawWith = (mostly: Mostly) =>
  fc.record({
    said: SAID,
    cuts: fc.record({
      text: cuts,
      thought: fc.oneof(fc.constant([]), cuts),
      calls: cuts,
      bytes: fc.array(fc.nat(100_000), { maxLength: 8 }),
    }),
    content: mostly(
      40,
      ...([
        "text",
        "parts",
        "output_text",
        "part",
        "texts",
        "untyped",
        "wrapped",
        "mixed",
      ] as const),
    ),
    thinking: fc.oneof(
      fc.constantFrom("reasoning_content", "reasoning", "blocks", "fields"),
      fc.constantFrom(
        "thinking",
        "parts",
        "nested",
        "details",
        "tags",
        "field and tags",
        "field, then tags",
      ),
    ),
    refusing: mostly(12, ...(["field", "part"] as const)),
    calling: mostly(
      8,
      ...([
        "pieces",
        "whole",
        "repeated",
        "no index",
        "index 0",
        "index -1",
        "function_call",
        "objects",
      ] as const),
      ...(["flat", "interleaved", "named pieces", "index as text", "new ids"] as const),
      ...(["no ids", "names as ids", "cumulative", "copied"] as const),
    ),
    mayCall: mostly<boolean>(30, true, false),
    word: mostly(
      36,
      ...(["usual", "length", "max_tokens", "content_filter", "other", "full"] as const),
    ),
    finish: fc.constantFrom("alone", "merged", "each", "twice"),
    noReason: fc.constantFrom(null, "", undefined),
    usage: fc.record({
      place: fc.oneof(
        { weight: 40, arbitrary: fc.constantFrom("alone", "merged", "each", "none") },
        { weight: 1, arbitrary: fc.constantFrom("choice", "groq", "delta") },
      ),
      names: mostly(
        70,
        ...(["openai", "input", "total", "texts", "Pascal", "uncounted", "camel"] as const),
      ),
      input: fc.nat(9_999),
      // Three pieces of one token each are no answer of one.
      output: fc.nat(9_999).map((output) => (output === 1 ? 2 : output)),
    }),
    form: mostly(60, ...(["deltas", "messages", "texts", "lists", "growing", "both"] as const)),
    again: mostly(50, ...(["never", "whole", "trimmed", "more", "other"] as const)),
    role: mostly<boolean>(80, true, false),
    fillers: fc.array(
      fc.record({ at: fc.nat(8), kind: fc.constantFrom("empty", "null", "bare") }),
      {
        maxLength: 2,
      },
    ),
    fault: fc.oneof(
      { weight: 32, arbitrary: fc.constant("none" as const) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          ...([
            "no reason",
            "error",
            "number",
            "unknown part",
            "two answers",
            "bad reason",
            "bad usage",
          ] as const),
          ...([
            "failing word",
            "goes on",
            "html",
            "half event",
            "two arguments",
            "no name",
            "bad call",
          ] as const),
        ),
      },
    ),
    faultAt: fc.nat(8),
    body: mostly(90, ...(["events", "json"] as const)),
    lines: fc.record({
      end: fc.constantFrom("\n", "\n", "\n", "\r\n", "\r"),
      space: fc.boolean(),
      bom: mostly<boolean>(15, false, true),
      comment: mostly<string>(
        6,
        ...["", ": keep-alive", ":", "id: 7", "event: message", "retry: 10"],
      ),
      spread: mostly<boolean>(20, false, true),
      lastOpen: mostly<boolean>(60, false, true),
    }),
    ending: mostly(
      3,
      ...(["done", "end", "broken", "junk", "end", "broken", "junk", "quoted done"] as const),
    ),
    finishesWithDone: mostly<boolean>(8, false, true),
    encoding: mostly(6, ...(["", "gzip", "deflate", "raw deflate", "br"] as const)),
  });

const nothing = { text: "", thought: "", refusal: "", calls: [] as readonly PlannedCall[] };

/** Mostly as OpenAI says it. */
export const PLANS = drawWith(mostly).map(settle);
/** Odd in many manners at once. */
export const ODD_PLANS = drawWith(hardly).map(settle);

/** Replaces what was drawn of one manner and cannot be had with what was drawn of another. */
function settle(draw: Draw) {
  const all = { ...nothing, ...draw.said };
  const isJson = draw.body === "json" && draw.fault === "none";
  const finish = draw.fault === "goes on" ? "alone" : draw.finish;
  const calling = isJson ? "whole" : draw.calling;
  const again = againOf(draw, all.text);
  const hasTags = /tags/.test(draw.thinking) && all.thought !== "";
  const said = {
    ...all,
    // Empty lines behind the closing tag belong to the tag.
    text: hasTags ? all.text.replace(/^[\r\n]+/, "") : all.text,
    calls: callsOf(calling, all.calls),
  };
  const mayBreak = finish !== "each" && again === "never" && draw.fault === "none" && !isJson;
  const isClosed = draw.ending === "junk" || draw.ending === "broken";
  return {
    ...draw,
    ...{ said, again, finish, calling },
    form: formOf(draw, all),
    body: isJson ? ("json" as const) : ("events" as const),
    ending: draw.ending === "broken" && !mayBreak ? ("end" as const) : draw.ending,
    role: draw.role || isJson,
    lines: { ...draw.lines, lastOpen: draw.lines.lastOpen && !isClosed },
  };
}

/** Without ids, only names and arguments tell calls apart. */
function callsOf(calling: Draw["calling"], calls: readonly PlannedCall[]): readonly PlannedCall[] {
  if (calling === "function_call") return calls.slice(0, 1);
  if (calling !== "no ids" && calling !== "names as ids") return calls;
  return calls.filter(({ name }, at) => calls.findIndex((call) => call.name === name) === at);
}

/** A fault is planted between chunks, and the older completions have nothing but text. */
function formOf(draw: Draw, { thought, refusal, calls }: typeof nothing): Draw["form"] {
  if (draw.fault !== "none" || draw.body === "json") return "deltas";
  const isMore = thought !== "" || refusal !== "" || calls.length > 0 || draw.again !== "never";
  return draw.form === "texts" && isMore ? "deltas" : draw.form;
}

/** After a text that is blank, or begins so, new text and a repetition look alike. */
function againOf({ again, fault, body }: Draw, text: string): Draw["again"] {
  if (fault !== "none" || body === "json") return "never";
  return (again === "more" || again === "other") && /^\s|^$/.test(text) ? "never" : again;
}

/** Cuts a text, or bytes, at places that were drawn: no piece is empty. */
export function cutsOf(
  length: number,
  drawn: readonly number[],
): readonly (readonly [number, number])[] {
  const places = [...new Set(drawn.map((place) => place % Math.max(length, 1)))].filter(
    (place) => place > 0,
  );
  const ends = [...places.toSorted((one, other) => one - other), length];
  return ends.map((end, at) => [ends[at - 1] ?? 0, end] as const).filter(([from, to]) => to > from);
}

/**
 * Cuts a text as drawn. The pieces never look as if each repeated all text so far. A reader could not know which of the
 * two is meant.
 */
export function piecesOf(whole: string, drawn: readonly number[]): string[] {
  const pieces = cutsOf(whole.length, drawn).map(([from, to]) => whole.slice(from, to));
  while (looksGrown(pieces)) pieces.splice(0, 2, pieces.slice(0, 2).join(""));
  return pieces;
}

/** Whether three pieces or more at the beginning each repeat the one before, and go on to at least four characters. */
export function looksGrown(pieces: readonly string[]): boolean {
  for (let at = 1; at < pieces.length; at += 1) {
    const [before = "", piece = ""] = pieces.slice(at - 1, at + 1);
    if (!piece.startsWith(before)) return false;
    if (at > 1 && before.trim() !== "" && new Set(piece).size > 3) return true;
  }
  return false;
}
