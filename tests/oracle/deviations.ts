/** Where the `openai` library gives another answer than ours, and why ours is the right one. */
import { type Plan, piecesOf } from "./plan.ts";

export interface Deviation {
  readonly reason: string;
  readonly matches: (plan: Plan) => boolean;
}

const isNothing = ({ text, thought, refusal, calls }: Plan["said"]) =>
  text === "" && thought === "" && refusal === "" && calls.length === 0;

/** Faults that the library fails on as well. */
const SEEN_BY_BOTH = ["none", "no reason", "error", "html", "half event"];
const CALLS_IT_KNOWS = ["pieces", "whole", "interleaved", "named pieces", "function_call"];
const THOUGHT_IT_KEEPS = ["reasoning_content", "reasoning", "fields", "blocks"];

export const DEVIATIONS: readonly Deviation[] = [
  {
    reason: "It knows no thinking: of a field that it does not know, it keeps the last piece.",
    matches: ({ said, thinking, cuts, calling }) =>
      said.thought !== "" &&
      (!THOUGHT_IT_KEEPS.includes(thinking) ||
        piecesOf(said.thought, cuts.thought).length > 1 ||
        (calling === "function_call" && said.calls.length > 0)),
  },
  {
    reason: "It joins content that is no text as JavaScript joins objects.",
    matches: ({ said, content, form }) =>
      said.text !== "" && content !== "text" && form !== "texts",
  },
  {
    reason: "It knows refusals in their field only.",
    matches: ({ said, refusing }) => said.refusal !== "" && refusing !== "field",
  },
  {
    reason:
      "It knows which call a piece belongs to by a number alone, and adds up what comes twice.",
    matches: ({ said, calling }) => said.calls.length > 0 && !CALLS_IT_KNOWS.includes(calling),
  },
  {
    reason: "It leaves arguments that never came empty: clients fail to parse them.",
    matches: ({ said }) => said.calls.some(({ given }) => given === ""),
  },
  {
    reason:
      "It knows only the request it made itself: calls that nobody asked for are calls to it.",
    matches: ({ said, mayCall }) => said.calls.length > 0 && !mayCall,
  },
  {
    reason: "It passes reasons on as they are; ours are those that clients know.",
    matches: ({ word }) => ["other", "full", "max_tokens"].includes(word),
  },
  {
    reason: "An answer without anything in it is an answer to it.",
    matches: ({ said }) => isNothing(said),
  },
  {
    reason: "It looks for usage in one place, and for two names.",
    matches: ({ usage: { place, names } }) =>
      place !== "none" && (["choice", "groq", "delta"].includes(place) || names !== "openai"),
  },
  {
    reason: "It reads deltas only, and each event must be one chunk.",
    matches: ({ form, body }) => form !== "deltas" || body === "json",
  },
  {
    reason: "A whole message behind its deltas takes the place of all that came before.",
    matches: ({ again }) => again !== "never",
  },
  {
    reason: "It insists on a role, which says nothing in an answer.",
    matches: ({ role }) => !role,
  },
  {
    reason: "It takes an end marker in quotes for an event.",
    matches: ({ ending }) => ending === "quoted done",
  },
  {
    reason: "It drops the last event where the body ends without an empty line behind it.",
    matches: ({ lines }) => lines.lastOpen,
  },
  {
    reason: "It does not look at what it has no use for, be it a part of the answer.",
    matches: ({ fault }) => !SEEN_BY_BOTH.includes(fault),
  },
  {
    reason: "Without a reason it knows no end, even where the provider never has one.",
    matches: ({ fault, finishesWithDone }) => fault === "no reason" && finishesWithDone,
  },
];

export function deviatesFrom(plan: Plan): boolean {
  return DEVIATIONS.some(({ matches }) => matches(plan));
}
