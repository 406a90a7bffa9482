/** What is wrong with a client's frame, in words that say what to do. */
import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** A refusal is never much longer than what it refuses: more problems than these are only counted. */
const MOST_TOLD = 10;
/** In characters, of a field's name and of the words about it: both may be made of what the client sent. */
const LONGEST_NAME = 64;
const LONGEST_WORDS = 400;

/** The problems of one frame as one sentence. */
export function frameProblems(issues: readonly Issue[]): string {
  return problemSentence(issues, describe);
}

/** At most ten problems, each as `tell` has it, and how many more there are. */
export function problemSentence(issues: readonly Issue[], tell: (issue: Issue) => string): string {
  const told = issues.slice(0, MOST_TOLD).map((issue) => tell(issue).slice(0, LONGEST_WORDS));
  const more = issues.length > MOST_TOLD ? `; and ${issues.length - MOST_TOLD} more` : "";
  return `${told.join("; ")}${more}.`;
}

/** A field as clients write it, such as `messages.0.content`. */
export function fieldName(path: readonly PropertyKey[]): string {
  return path.map((key) => String(key).slice(0, LONGEST_NAME)).join(".");
}

function describe(issue: Issue): string {
  const path = fieldName(issue.path);
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
