/** Calls in every manner of telling which piece belongs to which call. */
import { type Plan, piecesOf } from "./plan.ts";
import type { PlannedCall } from "./said.ts";

type Json = Readonly<Record<string, unknown>>;

/** The deltas of all calls, in order. */
export function callDeltas(plan: Plan): Json[] {
  const { said, calling, cuts } = plan;
  if (calling === "function_call")
    return said.calls.flatMap((call) => functionCall(call, cuts.calls));
  const each = said.calls.map((call, at) => elementsOf(plan, call, at));
  const elements = calling === "interleaved" ? interleaved(each) : each.flat();
  const deltas = elements.map((element) => ({ tool_calls: [element] }));
  const [first] = said.calls;
  return calling === "copied" && first ? [...deltas, ...functionCall(first, [])] : deltas;
}

/** The calls as a whole message has them. */
export function wholeCalls({ said: { calls }, calling }: Plan): Json {
  if (calls.length === 0) return {};
  if (calling === "function_call")
    return { function_call: { name: calls[0]?.name, arguments: calls[0]?.given } };
  return {
    tool_calls: calls.map((call, at) => ({ ...idField(calling, call, at), ...functionOf(call) })),
  };
}

function functionCall({ name, given }: PlannedCall, cuts: readonly number[]): Json[] {
  const [first = "", ...more] = piecesOf(given, cuts);
  return [{ name, arguments: first }, ...more.map((piece) => ({ arguments: piece }))].map(
    (function_call) => ({ function_call }),
  );
}

function elementsOf({ calling, cuts }: Plan, call: PlannedCall, at: number): Json[] {
  const [first = "", ...more] = piecesOf(call.given, cuts.calls);
  const place = placeOf(calling, at);
  const head = { ...place, ...idField(calling, call, at), type: "function" };
  const whole = { ...head, function: { name: call.name, arguments: call.given } };
  const pieces = [
    { ...head, function: { name: call.name, arguments: first } },
    ...more.map((piece, number) => ({
      ...place,
      ...again(calling, at, number),
      function: { ...(calling === "named pieces" ? { name: call.name } : {}), arguments: piece },
    })),
  ];
  if (["whole", "no ids", "names as ids", "copied"].includes(calling)) return [whole];
  if (calling === "cumulative")
    return cumulative(call.given, cuts.calls).map((given) => ({
      ...head,
      function: { name: call.name, arguments: given },
    }));
  if (calling === "repeated") return [...pieces, whole];
  if (calling === "flat")
    return [{ ...place, id: idOf(at), name: call.name, arguments: call.given }];
  if (calling === "objects") {
    return [{ ...head, function: { name: call.name, arguments: JSON.parse(call.given || "{}") } }];
  }
  return pieces;
}

function idField(calling: Plan["calling"], { name }: PlannedCall, at: number): Json {
  if (calling === "no ids") return { id: "" };
  return { id: calling === "names as ids" ? name : idOf(at) };
}

/** Pieces that have all so far. Behind some, the next one might as well be a part of the arguments. */
function cumulative(given: string, cuts: readonly number[]): string[] {
  let all = "";
  const pieces = piecesOf(given, cuts).map((piece) => {
    all += piece;
    return all;
  });
  return given === "" ? [""] : pieces.filter((piece) => !/[:[,]\s*$/.test(piece));
}

function again(calling: Plan["calling"], at: number, number: number): Json {
  if (calling === "named pieces") return { id: idOf(at) };
  return calling === "new ids" ? { id: `new_${at}_${number}` } : {};
}

function placeOf(calling: Plan["calling"], at: number): Json {
  if (calling === "no index") return {};
  if (["index 0", "no ids", "names as ids"].includes(calling)) return { index: 0 };
  if (calling === "index -1") return { index: -1 };
  return { index: calling === "index as text" ? String(at) : at };
}

function functionOf({ name, given }: PlannedCall): Json {
  return { type: "function", function: { name, arguments: given } };
}

export function idOf(at: number): string {
  return `call_${at}`;
}

/** The first piece of each, the second of each, and so on. */
function interleaved(each: readonly (readonly Json[])[]): Json[] {
  const most = Math.max(0, ...each.map(({ length }) => length));
  return Array.from({ length: most }, (_, at) =>
    each.flatMap((elements) => elements.slice(at, at + 1)),
  ).flat();
}
