/**
 * A directive is a user message that says how to be answered: `sim:` and a JSON object. It travels through the whole
 * gateway as an ordinary prompt. So a test chooses the provider's text, pace and faults run by run without a side
 * channel, and many tests share one simulator.
 */
import { z } from "zod";
import { count, FAULT_KINDS, faultShape, milliseconds } from "./faults/fault-fields.ts";
import { quirkShape } from "./quirks/quirk-fields.ts";

const PREFIX = "sim:";

const callSchema = z.strictObject({
  name: z.string().min(1).optional(),
  arguments: z.record(z.string(), z.unknown()).optional(),
});

const schema = z.strictObject({
  /** Answers exactly this, cut into pieces as usual. */
  text: z.string().optional(),
  /** Answers exactly these deltas. */
  pieces: z.array(z.string()).optional(),
  /** Sent before the text, as `reasoning_content`, one delta each. */
  reasoning: z.array(z.string()).optional(),
  /**
   * Calls these tools of the request, behind the text. Without a name the first tool is called; without arguments
   * they are made from its schema. A request without tools gets its text as usual. A request with the results of its
   * calls gets an answer about those.
   */
  calls: z.array(callSchema).min(1).optional(),
  /** Length of a generated text, in pieces. */
  words: count.max(200_000).optional(),
  /** The text then depends on the seed alone, not on the prompt or the profile. */
  seed: z.number().int().optional(),
  language: z.enum(["en", "zh"]).optional(),

  firstTokenMs: milliseconds.optional(),
  /** The exact time between two deltas. */
  gapMs: milliseconds.optional(),
  /** Writes the raw SSE bytes in portions of this size, each flushed: splits frames and characters. */
  chunkBytes: count.min(1).optional(),
  newline: z.enum(["lf", "crlf", "cr"]).optional(),

  /** The `finish_reason` to send. */
  finish: z.string().optional(),
  /** `false` leaves all usage numbers out. */
  usage: z.boolean().optional(),
  /** `false` leaves out `[DONE]`. */
  done: z.boolean().optional(),
  /** Of the response, an error's too. */
  contentType: z.string().optional(),

  ...quirkShape,
  ...faultShape,
  /** Only these profiles do any of these faults; every profile where it is absent. */
  faultOn: z.array(z.string()).optional(),
});

export type Directive = z.infer<typeof schema>;

/** Fields of which one rules out the others: together they would have no one meaning. */
const EXCLUSIVE: readonly (readonly (keyof Directive)[])[] = [
  ["text", "pieces", "words", "echo"],
  FAULT_KINDS,
];

/** Fields that only say more about another. */
const DETAILS: Readonly<Record<string, readonly string[]>> = {
  body: ["status"],
  headers: ["status"],
  retryAfterS: ["status"],
  pollStatus: ["status"],
  errorCode: ["status", "errorAfter"],
  splicePauseMs: ["spliceAfter"],
};

const FAULT_FIELDS: readonly string[] = Object.keys(faultShape);

/** What a directive asks of one profile: its faults only where they are meant for it. */
export function directiveFor(profile: string, fields: Directive): Directive {
  if (fields.faultOn === undefined || fields.faultOn.includes(profile)) return fields;
  return withoutFaults(fields);
}

export function withoutFaults(fields: Directive): Directive {
  return Object.fromEntries(
    Object.entries(fields).filter(([name]) => !FAULT_FIELDS.includes(name)),
  );
}

/** The user message that makes the simulator do this. */
export function directive(fields: Directive): string {
  return PREFIX + JSON.stringify(fields);
}

export type ReadDirective =
  | { readonly ok: true; readonly directive: Directive }
  /** One sentence that says what is wrong with it. */
  | { readonly ok: false; readonly problem: string };

/** Reads the last user message. An ordinary prompt is the empty directive. */
export function readDirective(message: string): ReadDirective {
  if (!message.startsWith(PREFIX)) return { ok: true, directive: {} };
  const json = parseJson(message.slice(PREFIX.length));
  if (json === undefined) return refuse("what follows `sim:` is not JSON");
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    return refuse(
      parsed.error.issues
        .map(({ path, message }) => (path.length > 0 ? `${path.join(".")}: ${message}` : message))
        .join("; "),
    );
  }
  const conflict = conflictIn(parsed.data);
  return conflict === undefined ? { ok: true, directive: parsed.data } : refuse(conflict);
}

function conflictIn(fields: Directive): string | undefined {
  for (const group of EXCLUSIVE) {
    const given = group.filter((name) => fields[name] !== undefined);
    if (given.length > 1) return `${given.join(" and ")} exclude each other`;
  }
  for (const [detail, owners] of Object.entries(DETAILS)) {
    const orphan = isGiven(fields, detail) && !owners.some((owner) => isGiven(fields, owner));
    if (orphan) return `${detail} needs ${owners.join(" or ")}`;
  }
  return undefined;
}

function isGiven(fields: Directive, name: string): boolean {
  return Object.entries(fields).some(([field, value]) => field === name && value !== undefined);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the caller refuses it. JSON itself cannot produce `undefined`.
    return undefined;
  }
}

function refuse(problem: string): ReadDirective {
  return { ok: false, problem: `Bad simulator directive: ${problem}.` };
}
