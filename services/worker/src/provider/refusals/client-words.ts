/**
 * Takes the words of a request out of the refusal of that request.
 *
 * Servers quote a field that they refuse, literally or in the spelling of JSON or Python. A quoted
 * `top_k: "too many requests"` is not a complaint of the provider. Of a long text, servers often quote only the
 * beginning and the end.
 */
import { isObject } from "../contract/json.ts";
import type { Refusal } from "./refusal.ts";

/** A shorter text may stand in any sentence, so it counts only between quotation marks. */
const SURE_LENGTH = 8;
/** This much of a text's beginning or end shows a partial quotation. */
const PART_LENGTH = 16;
/** The longest refusal that is read, see `refusal.ts`. */
const MOST_QUOTED = 4_096;
/** Most texts of a request that are considered, and most that are searched in every spelling. */
const MAX_TEXTS = 1_000;
const MAX_QUOTED = 64;
const MAX_DEPTH = 16;
/** Fields whose values are words of the API. */
const API_WORDS = ["role", "type", "limitName"];
const NAME = /^[\w.-]*$/;
const SAME_IN_ALL = /[\p{L}\p{N} ]+/gu;
const ASCII = /^[\0-\x7f]*$/;
const MARK = /["'`“”‘’«»…\\]|\.\.\./;

/** @param request any JSON value; all of it is the client's */
export function withoutClientWords(refusal: Refusal, request: unknown): Refusal {
  if (refusal.text === "") return refusal;
  const sent = new Set<string>();
  gather(request, sent, 0);
  const quoted = [...sent].filter((one) => mayBeIn(refusal.text, one)).slice(0, MAX_QUOTED);
  // A longer text may contain a shorter one.
  const texts = quoted.toSorted((a, b) => b.length - a.length);
  return {
    ...refusal,
    text: texts.reduce(without, refusal.text),
    names: texts.reduce(without, refusal.names),
  };
}

function gather(value: unknown, into: Set<string>, depth: number): void {
  if (depth > MAX_DEPTH || into.size >= MAX_TEXTS) return;
  if (typeof value === "string") into.add(value.trim());
  // Servers mostly quote the last message.
  else if (Array.isArray(value)) for (const one of value.toReversed()) gather(one, into, depth + 1);
  else if (isObject(value)) {
    for (const [name, field] of Object.entries(value)) {
      // Names of this form are words of the API. Any other name may be the client's.
      if (!NAME.test(name)) gather(name, into, depth + 1);
      if (!API_WORDS.includes(name) || typeof field !== "string") gather(field, into, depth + 1);
    }
  }
}

function without(text: string, own: string): string {
  const isLong = own.length > MOST_QUOTED;
  const beginnings = spellingsOf(own.slice(0, MOST_QUOTED));
  const ends = isLong ? spellingsOf(own.slice(-MOST_QUOTED)) : beginnings;
  let rest = text;
  if (!isLong) for (const spelling of beginnings) rest = withoutWhole(rest, spelling);
  for (const spelling of beginnings) rest = withoutBeginning(rest, spelling);
  for (const spelling of ends) rest = withoutEnd(rest, spelling);
  return rest;
}

/** A cheap test, since a conversation has many texts and a refusal hardly ever quotes one. */
function mayBeIn(text: string, own: string): boolean {
  const ends = [own.slice(0, PART_LENGTH), own.slice(-PART_LENGTH)];
  return ends.map((end) => longestPlain(end.toLowerCase())).some((run) => isIn(text, run));
}

function isIn(text: string, run: string): boolean {
  return text.includes(run) || (!ASCII.test(run) && text.includes("\\u"));
}

/** The longest part of a text that all spellings share, apart from letters beyond ASCII. */
function longestPlain(text: string): string {
  const runs = text.match(SAME_IN_ALL) ?? [""];
  return runs.reduce((a, b) => (b.length > a.length ? b : a));
}

/** The text itself and its spellings in JSON and Python, also nested. In lower case, as refusals are. */
function spellingsOf(own: string): ReadonlySet<string> {
  const json = asJson(own);
  const python = own.replaceAll("\\", "\\\\").replace(/[\n\r\t]/g, asEscape);
  const spellings = [own, json, asAscii(json), asJson(json), python, asJson(python)];
  const quoted = python.replaceAll("'", "\\'");
  return new Set([...spellings, quoted, asJson(quoted)].map((text) => text.toLowerCase()));
}

function asJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function asAscii(text: string): string {
  return text.replace(/[^\0-\x7f]/g, asCodeUnit);
}

function asCodeUnit(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function asEscape(char: string): string {
  return asJson(char);
}

function withoutWhole(text: string, own: string): string {
  if (own.length >= SURE_LENGTH) return text.replaceAll(own, "");
  if (own.length < 2) return text;
  return text.replaceAll(own, (found: string, at: number) =>
    isMarked(text[at - 1]) && isMarked(text[at + found.length]) ? "" : found,
  );
}

function withoutBeginning(text: string, own: string): string {
  if (own.length <= PART_LENGTH) return text;
  const at = text.indexOf(own.slice(0, PART_LENGTH));
  if (at < 0 || !isMarked(text[at - 1])) return text;
  let length = PART_LENGTH;
  while (length < own.length && text[at + length] === own[length]) length += 1;
  return text.slice(0, at) + text.slice(at + length);
}

function withoutEnd(text: string, own: string): string {
  if (own.length <= PART_LENGTH) return text;
  const at = text.lastIndexOf(own.slice(-PART_LENGTH));
  const end = at + PART_LENGTH;
  if (at < 0 || !isMarked(text[end])) return text;
  let length = PART_LENGTH;
  while (length < end && text[end - length - 1] === own[own.length - length - 1]) length += 1;
  return text.slice(0, end - length) + text.slice(end);
}

function isMarked(char: string | undefined): boolean {
  return char !== undefined && MARK.test(char);
}
