/** Calls as they are streamed, in the shapes that are seen of it. */
import type { CallDelta, Delta, Json } from "../profiles/dialect.ts";
import { callFields } from "../profiles/dialect.ts";
import { mapChoice } from "../quirks/dress-frame.ts";
import type { QuirkFields } from "../quirks/quirk-fields.ts";
import type { Call } from "./calls.ts";

/** About a token of JSON; whole characters. */
const FRAGMENT = /.{1,6}/gsu;

export interface StreamedCalls {
  readonly deltas: readonly CallDelta[];
  /** Goes into the chunk that has the finish reason. */
  readonly closing: CallDelta | undefined;
}

export function streamedCalls(
  calls: readonly Call[],
  callsAs: QuirkFields["callsAs"] = "indexed",
): StreamedCalls {
  if (callsAs === "negative") {
    return { deltas: calls.map((call) => begun(call, -1, call.arguments)), closing: undefined };
  }
  if (callsAs === "repeated") {
    const each = calls.map((call, index) => begun(call, index, call.arguments));
    return { deltas: [...each, ...each], closing: undefined };
  }
  if (callsAs === "empty") {
    return { deltas: calls.map((call, index) => begun(call, index, "")), closing: undefined };
  }
  const deltas = calls.flatMap((call, index) => [
    begun(call, index, ""),
    ...fragments(call).map((text) => more(index, text)),
  ]);
  const last = calls.at(-1);
  if (callsAs !== "withFinish" || last === undefined) return { deltas, closing: undefined };
  const closing = more(calls.length - 1, last.arguments);
  return { deltas: deltas.slice(0, -fragments(last).length), closing };
}

/** Puts what is left of a call into the first of the chunks that end an answer. */
export function withClosingCall(
  closing: readonly Json[],
  delta: CallDelta | undefined,
): readonly Json[] {
  const [finish, ...rest] = closing;
  if (delta === undefined || finish === undefined) return closing;
  const calling = mapChoice(finish, (choice) => ({
    ...choice,
    delta: { ...Object(choice.delta), tool_calls: [callFields(delta)] },
  }));
  return [calling, ...rest];
}

/** The calls that these deltas tell of, whole. */
export function callsIn(deltas: readonly Delta[]): readonly Call[] {
  const calls: Call[] = [];
  for (const delta of deltas) {
    if (delta.kind !== "call") continue;
    const { id, name = "", text } = delta;
    const last = calls.at(-1);
    if (id !== undefined) calls.push({ id, name, arguments: text });
    else if (last) calls.splice(-1, 1, { ...last, arguments: last.arguments + text });
  }
  return calls;
}

function fragments(call: Call): readonly string[] {
  return call.arguments.match(FRAGMENT) ?? [];
}

function begun({ id, name }: Call, index: number, text: string): CallDelta {
  return { kind: "call", index, id, name, text };
}

function more(index: number, text: string): CallDelta {
  return { kind: "call", index, text };
}
