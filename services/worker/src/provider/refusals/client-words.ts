/**
 * Takes a client's own words out of what a provider refuses its request with.
 *
 * Servers quote the field that they did not like, as it was or as JSON or Python write it. `top_k: "too many requests"`
 * is no complaint of the provider's. A long text is often quoted by its beginning and its end alone.
 */
import { isObject } from "../contract/json.ts";
import type { Refusal } from "./refusal.ts";

/** A shorter text may be in any sentence, so it counts only between quotation marks. */
const SURE_LENGTH = 8;
/** As much of a text's beginning or end shows that it is quoted in part. */
const PART_LENGTH = 16;
/** No refusal that is read is longer, see `refusal.ts`. */
const MOST_QUOTED = 4_096;
/** Texts that are looked at, and those of them that are looked for in every spelling. */
const MAX_TEXTS = 1_000;
const MAX_QUOTED = 64;
const MAX_DEPTH = 16;
/** Their values are words of the API. */
const NOT_SAID = ["role", "type", "limitName"];
const NAME = /^[\w.-]*$/;
const SAME_IN_ALL = /[\p{L}\p{N} ]+/gu;
const ASCII = /^[\0-\x7f]*$/;
const MARK = /["'`“”‘’«»…\\]|\.\.\./;

/** @param request anything made of JSON values, all of which are the client's */
export function withoutClientWords(refusal: Refusal, request: unknown): Refusal {
  if (refusal.text === "") return refusal;
  const said = new Set<string>();
  gather(request, said, 0);
  const quoted = [...said].filter((one) => mayBeIn(refusal.text, one)).slice(0, MAX_QUOTED);
  // A longer text may have a shorter one in it.
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
  // What was said last is quoted most.
  else if (Array.isArray(value)) for (const one of value.toReversed()) gather(one, into, depth + 1);
  else if (isObject(value)) {
    for (const [name, field] of Object.entries(value)) {
      // Other names are those of the API.
      if (!NAME.test(name)) gather(name, into, depth + 1);
      if (!NOT_SAID.includes(name) || typeof field !== "string") gather(field, into, depth + 1);
    }
  }
}

function without(text: string, said: string): string {
  const isLong = said.length > MOST_QUOTED;
  const beginnings = spellingsOf(said.slice(0, MOST_QUOTED));
  const ends = isLong ? spellingsOf(said.slice(-MOST_QUOTED)) : beginnings;
  let rest = text;
  if (!isLong) for (const spelling of beginnings) rest = withoutWhole(rest, spelling);
  for (const spelling of beginnings) rest = withoutBeginning(rest, spelling);
  for (const spelling of ends) rest = withoutEnd(rest, spelling);
  return rest;
}

/** Cheap, since a conversation has many texts and a refusal hardly ever quotes one. */
function mayBeIn(text: string, said: string): boolean {
  const ends = [said.slice(0, PART_LENGTH), said.slice(-PART_LENGTH)];
  return ends.map((end) => longestPlain(end.toLowerCase())).some((run) => isIn(text, run));
}

function isIn(text: string, run: string): boolean {
  return text.includes(run) || (!ASCII.test(run) && text.includes("\\u"));
}

/** Of a text, what is the same in every spelling, but for letters that are not in ASCII. */
function longestPlain(text: string): string {
  const runs = text.match(SAME_IN_ALL) ?? [""];
  return runs.reduce((a, b) => (b.length > a.length ? b : a));
}

/** As it is, and as JSON and Python write it, one in the other as well. In lower case, as refusals are. */
function spellingsOf(said: string): ReadonlySet<string> {
  const json = asJson(said);
  const python = said.replaceAll("\\", "\\\\").replace(/[\n\r\t]/g, asEscape);
  const spellings = [said, json, asAscii(json), asJson(json), python, asJson(python)];
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

function withoutWhole(text: string, said: string): string {
  if (said.length >= SURE_LENGTH) return text.replaceAll(said, "");
  if (said.length < 2) return text;
  return text.replaceAll(said, (found: string, at: number) =>
    isMarked(text[at - 1]) && isMarked(text[at + found.length]) ? "" : found,
  );
}

function withoutBeginning(text: string, said: string): string {
  if (said.length <= PART_LENGTH) return text;
  const at = text.indexOf(said.slice(0, PART_LENGTH));
  if (at < 0 || !isMarked(text[at - 1])) return text;
  let length = PART_LENGTH;
  while (length < said.length && text[at + length] === said[length]) length += 1;
  return text.slice(0, at) + text.slice(at + length);
}

function withoutEnd(text: string, said: string): string {
  if (said.length <= PART_LENGTH) return text;
  const at = text.lastIndexOf(said.slice(-PART_LENGTH));
  const end = at + PART_LENGTH;
  if (at < 0 || !isMarked(text[end])) return text;
  let length = PART_LENGTH;
  while (length < end && text[end - length - 1] === said[said.length - length - 1]) length += 1;
  return text.slice(0, end - length) + text.slice(end);
}

function isMarked(char: string | undefined): boolean {
  return char !== undefined && MARK.test(char);
}
