/** Which tools an answer calls, and with what. */
import { randomUUID } from "node:crypto";
import type { Directive } from "../directive.ts";
import type { ToolRequest, ToolResult } from "./tool-request.ts";

export interface Call {
  readonly id: string;
  readonly name: string;
  /** JSON. */
  readonly arguments: string;
}

/**
 * The calls that a directive asks for, or one where the request demands it. None where the request has no
 * tools, and none once it has their results: then they are what the answer is about.
 */
export function callsFor(
  { calls }: Pick<Directive, "calls">,
  { offered, choice, mayCallMany, results }: ToolRequest,
): readonly Call[] {
  const [first] = offered;
  const isFree = choice === "auto";
  if (first === undefined || choice === "none" || (isFree && results.length > 0)) return [];
  const wanted = calls ?? (isFree ? [] : [{}]);
  return wanted.slice(0, mayCallMany ? undefined : 1).map((call) => {
    const name = typeof choice === "object" ? choice.only : (call.name ?? first.name);
    const parameters = offered.find((tool) => tool.name === name)?.parameters;
    return { id: newId(), name, arguments: JSON.stringify(call.arguments ?? sampleOf(parameters)) };
  });
}

/** The answer to what tools gave: each call with its result, on a line of its own. */
export function answerToResults(results: readonly ToolResult[]): string {
  return results
    .map(({ name, arguments: given, content }) => `${name}(${given}) = ${content}`)
    .join("\n");
}

/** Unique, not repeatable, as ids of answers are. */
function newId(): string {
  return `call_${randomUUID().replaceAll("-", "").slice(0, 24)}`;
}

/** A value that a JSON schema allows, as far as its types say; a stand-in for what a model would choose. */
function sampleOf(schema: unknown): unknown {
  if (typeof schema !== "object" || schema === null) return {};
  const { type, enum: choices, properties, items } = schema as Readonly<Record<string, unknown>>;
  if (Array.isArray(choices)) return choices[0];
  switch (type) {
    case "string":
      return "text";
    case "number":
    case "integer":
      return 1;
    case "boolean":
      return true;
    case "array":
      return [sampleOf(items)];
    default:
      return Object.fromEntries(
        Object.entries(properties ?? {}).map(([name, value]) => [name, sampleOf(value)]),
      );
  }
}
