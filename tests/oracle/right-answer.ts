/** What a client must get of a planned answer: said in the plan's terms, without looking at any bytes. */
import type { Plan } from "./plan.ts";
import { idOf } from "./write-calls.ts";
import { WHAT_IS_MORE } from "./write-faults.ts";

export interface Answer {
  readonly text: string;
  readonly reasoning: string;
  readonly refusal: string;
  /** The id is "" where the provider gave none: any will do. */
  readonly calls: readonly (readonly [id: string, name: string, given: string])[];
  readonly finish: string;
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | undefined;
}

/** An answer, or the code it fails with. */
export type Right = Answer | { readonly code: string };

const MALFORMED = ["number", "unknown part", "two answers", "bad reason", "bad usage", "html"];

export function rightAnswer(plan: Plan): Right {
  const { said, fault, mayCall, word } = plan;
  const calls = mayCall ? said.calls : [];
  const saysText = said.text !== "" || said.refusal !== "";
  const saidNothing = !saysText && said.thought === "" && calls.length === 0;
  const isContradicted = plan.again === "other" && said.text.trim() !== "";
  if (MALFORMED.includes(fault) || isContradicted) return { code: "provider_malformed" };
  if (fault === "error") return { code: "provider_rate_limited" };
  if (mayCall && fault === "two arguments") return { code: "provider_malformed" };
  if (mayCall && fault === "bad call") return { code: "provider_rejected" };
  if (fault === "failing word") return { code: saidNothing ? "provider_error" : "provider_cut" };
  if (["no reason", "goes on", "half event"].includes(fault))
    return withoutReason(plan, { saysText, saidNothing });
  if (word === "full" && !saysText && calls.length === 0)
    return { code: "context_length_exceeded" };
  const isTooLong = word === "length" || word === "max_tokens";
  if (saidNothing && !isTooLong)
    return { code: word === "content_filter" ? "content_filtered" : "provider_empty" };
  if (mayCall && fault === "no name") return { code: "provider_malformed" };
  const ends = finishOf(plan, { saysText });
  return ends === undefined ? { code: "provider_malformed" } : answerOf(plan, ends);
}

interface Sum {
  readonly saysText: boolean;
  readonly saidNothing: boolean;
}

function withoutReason(plan: Plan, { saysText, saidNothing }: Sum): Right {
  const isDone =
    ["done", "quoted done", "junk"].includes(plan.ending) && plan.fault !== "half event";
  const calls = plan.mayCall ? plan.said.calls : [];
  // Behind a reason that was taken back there is one piece more.
  const goesOn = plan.fault === "goes on";
  if (isDone && plan.finishesWithDone && (saysText || goesOn || calls.length > 0)) {
    const more = goesOn ? { text: `${plan.said.text}${WHAT_IS_MORE}` } : {};
    return { ...answerOf(plan, calls.length > 0 ? "tool_calls" : "stop"), ...more };
  }
  return { code: isDone && saidNothing && !goesOn ? "provider_empty" : "provider_cut" };
}

function finishOf(
  { word, said, mayCall }: Plan,
  { saysText }: Pick<Sum, "saysText">,
): string | undefined {
  if (word === "length" || word === "max_tokens" || word === "full") return "length";
  if (word === "content_filter") return "content_filter";
  if (said.calls.length === 0) return "stop";
  if (mayCall) return "tool_calls";
  // Calls without tools in the request are no part of the answer. An answer that ends with them needs another part.
  return saysText || word === "other" ? "stop" : undefined;
}

function givesIds({ calling }: Plan): boolean {
  return !["function_call", "no ids", "names as ids"].includes(calling);
}

function answerOf(plan: Plan, finish: string): Answer {
  const { said, mayCall, usage } = plan;
  const isWhole = finish === "stop" || finish === "tool_calls";
  const bare = isWhole || plan.calling === "objects" ? "{}" : "";
  const isCounted = usage.place !== "none" && usage.names !== "uncounted";
  return {
    text: plan.again === "more" ? `${said.text}${WHAT_IS_MORE}` : said.text,
    reasoning: said.thought,
    refusal: said.refusal,
    calls: mayCall
      ? said.calls.map(({ name, given }, at) => {
          const id = givesIds(plan) ? idOf(at) : plan.calling === "names as ids" ? name : "";
          return [id, name, given === "" ? bare : given] as const;
        })
      : [],
    finish,
    usage: isCounted ? { inputTokens: usage.input, outputTokens: usage.output } : undefined,
  };
}
