/**
 * Fields of a request beyond those that the gateway itself knows: `top_k`, `chat_template_kwargs`, and
 * whatever a provider documents. They go to it as they are, under its own names.
 *
 * Whether a provider takes a field is the configuration's to say (`config/request-fields.ts`). Here is
 * what no request may send to any provider, and how much of the rest.
 */
import type { z } from "zod";

export type ExtraFields = Readonly<Record<string, unknown>>;

export const EXTRA_LIMITS = {
  fields: 64,
  nameLength: 64,
  /** Of JSON, all of them together. */
  bytes: 65_536,
  /** Of objects and lists inside each other: what JSON schemas need, and no stack runs out of. */
  depth: 64,
} as const;

/** Accepted and left alone: they change no answer, only who is served first or what is noted beside it. */
export const IGNORED_FIELDS = [
  "store",
  "metadata",
  "service_tier",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "prediction",
  "priority",
  "request_id",
  "rid",
] as const;

interface Refused {
  readonly names: readonly string[];
  /** The rest of a sentence about the field. */
  readonly why: string;
}

/** Never from a request, whatever the provider. */
export const REFUSED_FIELDS: readonly Refused[] = [
  {
    names: ["model", "messages", "stream", "stream_options"],
    why: "is the gateway's to set",
  },
  {
    names: ["n", "best_of", "num_return_sequences"],
    why: "cannot be had: a request has one answer",
  },
  {
    names: ["logprobs", "top_logprobs", "prompt_logprobs", "modalities", "audio"],
    why: "asks for what an answer of this gateway cannot carry",
  },
  {
    names: ["return_token_ids", "return_tokens_as_token_ids", "return_hidden_states"],
    why: "asks for what an answer of this gateway cannot carry",
  },
  {
    names: ["functions", "function_call"],
    why: "is the older form of `tools` and `tool_choice`; send those",
  },
  {
    names: ["chat_template"],
    why: "is the operator's to choose; `chat_template_kwargs` has what a request may change",
  },
  {
    names: ["models", "fallbacks", "route", "lora_path", "custom_llm_provider"],
    why: "would choose another model than the one that was asked for",
  },
  {
    names: ["api_key", "api_base", "base_url", "api_version", "headers", "extra_headers"],
    why: "would reach another account than the gateway's",
  },
  {
    names: ["kv_transfer_params", "ec_transfer_params", "bootstrap_host", "bootstrap_port"],
    why: "is between the provider's own servers",
  },
  {
    names: ["bootstrap_room", "session_params", "data_parallel_rank"],
    why: "is between the provider's own servers",
  },
  {
    names: ["logits_processors", "custom_logit_processor"],
    why: "would run code at the provider",
  },
  {
    names: ["extra_body"],
    why: "is a word of OpenAI's Python library; send its fields beside the others",
  },
];

const REASONS: ReadonlyMap<string, string> = new Map(
  REFUSED_FIELDS.flatMap(({ names, why }) => names.map((name) => [name, why] as const)),
);
const IGNORED: ReadonlySet<string> = new Set(IGNORED_FIELDS);
const SCHEMAS: readonly string[] = ["tools", "response_format"];
const FIELD_NAME = /^[A-Za-z][\w.-]*$/;

/**
 * What a request says beyond `known`; undefined where that is nothing.
 *
 * @param known the fields of its schema, by their names
 */
export function extraFieldsOf(request: object, known: object): ExtraFields | undefined {
  const extra = Object.entries(request).filter(
    ([name, value]) => !Object.hasOwn(known, name) && !IGNORED.has(name) && saysSomething(value),
  );
  return extra.length === 0 ? undefined : Object.fromEntries(extra);
}

/**
 * A check of a loose schema: what stands in a request beyond `known` is such as may go to a provider.
 *
 * @param elsewhere of fields that have another name or place here, the rest of a sentence about each
 */
export function checkExtra(known: object, elsewhere: Readonly<Record<string, string>> = {}) {
  return ({ value, issues }: z.core.ParsePayload<object>): void => {
    const extra = extraFieldsOf(value, known) ?? {};
    for (const [field, words] of [...problemsOf(extra, elsewhere), ...schemaProblems(value)]) {
      issues.push({ code: "custom", input: value, path: [field], message: words });
    }
  };
}

/** A field, and what is wrong with it as the rest of a sentence. */
type Problem = readonly [field: string, words: string];

function problemsOf(extra: ExtraFields, elsewhere: Readonly<Record<string, string>>): Problem[] {
  const names = Object.keys(extra);
  const problems = names.flatMap((name): Problem[] => {
    const own = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined;
    const words = own ?? nameProblem(name) ?? insideProblem(extra[name]);
    return words === undefined ? [] : [[name, words]];
  });
  return problems.length > 0 ? problems : sizeProblems(extra, names);
}

function sizeProblems(extra: ExtraFields, names: readonly string[]): Problem[] {
  const { fields, bytes: most } = EXTRA_LIMITS;
  const [last] = names.slice(fields);
  if (last !== undefined) return [[last, `is one too many: ${fields} such fields are accepted`]];
  const bytes = Buffer.byteLength(JSON.stringify(extra));
  if (bytes <= most) return [];
  const longest = names.reduce((a, b) => (lengthOf(extra[b]) > lengthOf(extra[a]) ? b : a));
  const words = `is too long: with all such fields ${bytes} bytes; ${most} are accepted`;
  return [[longest, words]];
}

/** Only the model reads these, so that the schema does not look into them. */
function schemaProblems(request: object): Problem[] {
  return Object.entries(request).flatMap(([name, value]): Problem[] => {
    const words = SCHEMAS.includes(name) ? insideProblem(value) : undefined;
    return words === undefined ? [] : [[name, words]];
  });
}

function insideProblem(value: unknown): string | undefined {
  switch (flaw(value, EXTRA_LIMITS.depth)) {
    case "deep":
      return `has more than ${EXTRA_LIMITS.depth} objects or lists inside each other`;
    case "prototype":
      return "has a key `__proto__`";
    default:
      return undefined;
  }
}

/** Null is the same as absent, and so is an empty list or object. */
function saysSomething(value: unknown): boolean {
  if (typeof value !== "object") return true;
  return value !== null && Object.keys(value).length > 0;
}

function nameProblem(name: string): string | undefined {
  const why = REASONS.get(name);
  if (why !== undefined) return why;
  const isName = name.length <= EXTRA_LIMITS.nameLength && FIELD_NAME.test(name);
  return isName ? undefined : "is not a name that a field can have";
}

function flaw(value: unknown, depth: number): "deep" | "prototype" | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (depth === 0) return "deep";
  if (Object.hasOwn(value, "__proto__")) return "prototype";
  for (const inner of Object.values(value)) {
    const found = flaw(inner, depth - 1);
    if (found) return found;
  }
  return undefined;
}

function lengthOf(value: unknown): number {
  return JSON.stringify(value).length;
}
