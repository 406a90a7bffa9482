/** What is wrong with a client's frame, in words that say what to do. */
import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** All problems of one frame as one sentence. */
export function frameProblems(issues: readonly Issue[]): string {
  return `${issues.map(describe).join("; ")}.`;
}

function describe(issue: Issue): string {
  const path = issue.path.map(String).join(".");
  const subject = path === "" ? "" : `\`${path}\` `;
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
