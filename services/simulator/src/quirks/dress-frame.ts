/** Changes to one chunk after its profile has made it. */
import { type Json, tokenCounts, type Usage } from "../profiles/dialect.ts";
import { dressDelta } from "./dress-delta.ts";
import type { QuirkFields } from "./quirk-fields.ts";

/** Fields seen on chunks of one provider or another, none of which is part of an answer. */
const EXTRAS: Json = {
  note: "以上内容为AI生成",
  search_info: { search_results: [{ index: 1, title: "a page", url: "http://page.invalid" }] },
  request_id: "20261122080000-extra",
  web_search: [{ title: "a page", content: "not the answer" }],
};

const EMPTY_ERROR: Json = { error: { message: "", type: "", param: "", code: null } };

type FrameFields = QuirkFields & { readonly finish?: string | undefined };

/** @param number which chunk of the answer it is, from 0 */
export function dressFrame(frame: Json, fields: FrameFields, number: number): Json {
  const { newIdAfter, bare, extras, emptyError } = fields;
  const other = newIdAfter !== undefined && number >= newIdAfter && { id: `${frame.id}-other` };
  const more = { ...other, ...(extras && EXTRAS), ...(emptyError && EMPTY_ERROR) };
  const dressed = mapChoice({ ...frame, ...more }, (choice) => dressChoice(choice, fields));
  if (!bare) return dressed;
  const { id, object, created, model, ...rest } = dressed;
  return rest;
}

/** Takes usage away from a chunk, or gives it one. */
export function setUsage(frame: Json, usage: Usage | undefined): Json {
  const { usage: _, ...rest } = frame;
  return usage === undefined ? rest : { ...rest, usage: tokenCounts(usage) };
}

export function mapChoice(frame: Json, change: (choice: Json) => Json): Json {
  const { choices } = frame;
  return Array.isArray(choices) ? { ...frame, choices: choices.map(change) } : frame;
}

function dressChoice(choice: Json, fields: FrameFields): Json {
  const { finishKey, extras, finish = "stop" } = fields;
  const { finish_reason, ...rest } = choice;
  const last = typeof finish_reason === "string" && finish_reason !== "";
  return {
    ...(finishKey === undefined || last ? choice : { ...rest, ...UNFINISHED[finishKey] }),
    ...(finishKey === "each" && !last && { finish_reason: finish }),
    // The profiles make every delta, and each is an object.
    delta: dressDelta(choice.delta as Json, fields),
    ...(extras && { stop_reason: last ? 151_336 : null }),
  };
}

const UNFINISHED = {
  absent: {},
  null: { finish_reason: null },
  empty: { finish_reason: "" },
  each: {},
} as const;
