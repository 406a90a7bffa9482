/** What is wrong with a client's frame, in words that say what to do. */
import type { z } from "zod";
import { runOptionsSchema } from "./run.ts";

type Issue = z.core.$ZodIssue;

/** Names that people bring along from other APIs, and ours. */
const MISTAKEN: Readonly<Record<string, string>> = {
  top_p: "topP",
  max_tokens: "maxTokens",
  max_completion_tokens: "maxTokens",
};

/** All problems of one frame as one sentence. */
export function frameProblems(issues: readonly Issue[]): string {
  return `${issues.map(describe).join("; ")}.`;
}

function describe(issue: Issue): string {
  const path = issue.path.map(String).join(".");
  const subject = path === "" ? "" : `\`${path}\` `;
  if (issue.code === "unrecognized_keys") return `${subject}${unknownOptions(issue.keys)}`;
  if (issue.code === "invalid_union" && "discriminator" in issue) {
    return `${subject}must be \`run\`, \`cancel\`, \`resume\` or \`ping\``;
  }
  return `${subject}${inWords(issue)}`;
}

/** What is wrong with a value, as the rest of a sentence about it. */
export function inWords(issue: Issue): string {
  const { message } = issue;
  if (message.endsWith("received undefined")) return "is missing";
  switch (issue.code) {
    case "invalid_type":
      return message
        .replace(/^Invalid input: expected (\w+), received/, "must be a $1, not")
        .replace(/^must be a (?=[aeiou])/, "must be an ");
    case "too_small":
      return bounded(
        issue.origin,
        `${issue.inclusive ? "at least" : "more than"} ${issue.minimum}`,
      );
    case "too_big":
      return bounded(issue.origin, `${issue.inclusive ? "at most" : "less than"} ${issue.maximum}`);
    case "invalid_value":
      return `must be one of ${issue.values.map((value) => `\`${String(value)}\``).join(", ")}`;
    default:
      return message;
  }
}

function bounded(origin: string, bound: string): string {
  if (origin === "array") return `must have ${bound} in it`;
  return origin === "string" ? `must be ${bound} characters long` : `must be ${bound}`;
}

/** The only closed object of a frame is a run's options. */
function unknownOptions(keys: readonly string[]): string {
  const known = Object.keys(runOptionsSchema.shape).map((name) => `\`${name}\``);
  const hints = keys.flatMap((key) => (MISTAKEN[key] ? [`\`${MISTAKEN[key]}\``] : []));
  const hint = hints.length > 0 ? `, did you mean ${hints.join(", ")}` : "";
  const names = keys.map((key) => `\`${key.slice(0, 64)}\``).join(", ");
  return `cannot have ${names}${hint}; there are ${known.join(", ")}`;
}
