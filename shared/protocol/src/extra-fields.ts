/**
 * Fields of a request that the gateway itself does not know, such as `top_k` or `chat_template_kwargs`.
 * They go to the provider unchanged, under the names that the provider documents.
 *
 * `config/request-fields.ts` says which provider takes which field. This file lists the fields that no
 * client may send to any provider, and bounds the size of all others.
 */
import type { z } from "zod";

export type ExtraFields = Readonly<Record<string, unknown>>;

export const EXTRA_LIMITS = {
  fields: 64,
  nameLength: 64,
  /** Of JSON, all of them together. */
  bytes: 65_536,
  /** Of objects and lists inside each other: enough for JSON schemas, and safe for recursive functions. */
  depth: 64,
} as const;

/** Accepted and left alone: they change no answer, only the order of service or the provider's own records. */
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
  /** The end of a sentence that begins with the field's name. */
  readonly why: string;
}

/** No request may have these, in capitals or not, whatever its provider takes. */
export const REFUSED_FIELDS: readonly Refused[] = [
  {
    names: ["model", "messages", "stream", "stream_options"],
    why: "is set by the gateway",
  },
  {
    names: ["n", "best_of", "num_return_sequences", "n_cmpl"],
    why: "is not supported: a request has one answer",
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
    why: "is set by the operator; use `chat_template_kwargs` for what a request may change",
  },
  {
    names: ["models", "fallbacks", "fallback_models", "context_window_fallbacks", "route"],
    why: "would choose another model than the request names",
  },
  {
    names: ["lora", "lora_path", "lora_request", "custom_llm_provider", "mock_response"],
    why: "would choose another model than the request names",
  },
  {
    names: ["provider", "plugins", "mcp_servers", "webhook"],
    why: "would hand the conversation to services that the operator did not choose",
  },
  {
    names: ["api_key", "api_base", "base_url", "api_version", "headers", "extra_headers"],
    why: "would reach another account than the gateway's",
  },
  {
    names: ["user_config", "litellm_credential_name"],
    why: "would reach another account than the gateway's",
  },
  {
    names: ["kv_transfer_params", "ec_transfer_params", "bootstrap_host", "bootstrap_port"],
    why: "is only for use between the provider's own servers",
  },
  {
    names: ["bootstrap_room", "session_params", "data_parallel_rank"],
    why: "is only for use between the provider's own servers",
  },
  {
    names: ["id_slot", "cache_salt"],
    why: "decides which requests share a cache at the provider; only the operator may set it",
  },
  {
    names: ["logits_processors", "custom_logit_processor", "vllm_xargs", "custom_params"],
    why: "would run code at the provider, or configures such code",
  },
  {
    names: ["extra_body"],
    why: "is an argument of OpenAI's Python library; send its fields beside the others",
  },
];

/** Arguments of the function that applies a template: here they would take the place of the server's own. */
export const REFUSED_TEMPLATE_KEYS: readonly string[] = [
  ...["chat_template", "tokenize", "conversation", "tools", "documents", "return_dict"],
  ...["add_generation_prompt", "continue_final_message"],
];

/**
 * Inside `nvext`, at any depth, beside the fields above: they go around the template, or choose a server or a place
 * in its queue.
 */
export const REFUSED_NVEXT_KEYS: readonly string[] = [
  ...["strict_priority", "latency_sensitivity", "use_raw_prompt", "token_data"],
  ...["backend_instance_id", "prefill_worker_id", "decode_worker_id", "dp_rank"],
];

const REASONS: ReadonlyMap<string, string> = new Map(
  REFUSED_FIELDS.flatMap(({ names, why }) => names.map((name) => [name, why] as const)),
);
const IGNORED: ReadonlySet<string> = new Set(IGNORED_FIELDS);
const NOT_THE_CLIENTS = "is the operator's to say";
/** Their keys are words of the client's own. */
const SCHEMA_NAME = /^(?:guided_|structured_outputs$|json_schema$)/i;
const SCHEMAS: readonly string[] = ["tools", "response_format"];
const FIELD_NAME = /^[A-Za-z][\w.-]*$/;

/**
 * The fields of a request that are not in `known`; undefined if there are none.
 *
 * @param known the fields of its schema, by their names
 */
export function extraFieldsOf(request: object, known: object): ExtraFields | undefined {
  const extra = Object.entries(request).filter(
    ([name, value]) =>
      !Object.hasOwn(known, name) && !IGNORED.has(name.toLowerCase()) && saysSomething(value),
  );
  return extra.length === 0 ? undefined : Object.fromEntries(extra);
}

/**
 * A check for a loose schema: every field that is not in `known` may go to a provider.
 *
 * @param elsewhere fields that have another name or place in this request, with the end of a sentence each
 */
export function checkExtra(known: object, elsewhere: Readonly<Record<string, string>> = {}) {
  return ({ value, issues }: z.core.ParsePayload<object>): void => {
    const extra = extraFieldsOf(value, known) ?? {};
    for (const [path, words] of [...problemsOf(extra, elsewhere), ...schemaProblems(value)]) {
      issues.push({ code: "custom", input: value, path: [...path], message: words });
    }
  };
}

/** The place of a fault, and the end of a sentence about it. */
type Problem = readonly [path: readonly string[], words: string];

function problemsOf(extra: ExtraFields, elsewhere: Readonly<Record<string, string>>): Problem[] {
  const names = Object.keys(extra);
  const problems = names.flatMap((name): Problem[] => {
    const own = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined;
    const words = own ?? nameProblem(name) ?? insideProblem(extra[name]);
    if (words !== undefined) return [[[name], words]];
    if (name.toLowerCase() === "nvext") return nvextProblems([name], extra[name]);
    return templateProblems(name, extra[name]);
  });
  return problems.length > 0 ? problems : sizeProblems(extra, names);
}

function templateProblems(name: string, value: unknown): Problem[] {
  const isForTemplate = name.toLowerCase() === "chat_template_kwargs";
  if (!isForTemplate || typeof value !== "object" || value === null) return [];
  return Object.keys(value)
    .filter((key) => REFUSED_TEMPLATE_KEYS.includes(key.toLowerCase()))
    .map((key) => [[name, key], "is the server's own to set"]);
}

/** What a client may not say beside its messages, it may not say in here either. The depth was checked before. */
function nvextProblems(path: readonly string[], value: unknown): Problem[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]): Problem[] => {
    const name = key.toLowerCase();
    const isRefused = IGNORED.has(name) || REFUSED_NVEXT_KEYS.includes(name);
    const why = REASONS.get(name) ?? (isRefused ? NOT_THE_CLIENTS : undefined);
    if (why !== undefined) return [[[...path, key], why]];
    return SCHEMA_NAME.test(key) ? [] : nvextProblems([...path, key], inner);
  });
}

function sizeProblems(extra: ExtraFields, names: readonly string[]): Problem[] {
  const { fields, bytes: most } = EXTRA_LIMITS;
  const [last] = names.slice(fields);
  if (last !== undefined) return [[[last], `is one too many: ${fields} such fields are accepted`]];
  const bytes = Buffer.byteLength(JSON.stringify(extra));
  if (bytes <= most) return [];
  const longest = names.reduce((a, b) => (lengthOf(extra[b]) > lengthOf(extra[a]) ? b : a));
  const words = `is too long: with all such fields ${bytes} bytes; ${most} are accepted`;
  return [[[longest], words]];
}

/** Only the model reads these, so no schema of ours looks inside. */
function schemaProblems(request: object): Problem[] {
  return Object.entries(request).flatMap(([name, value]): Problem[] => {
    const words = SCHEMAS.includes(name) ? insideProblem(value) : undefined;
    return words === undefined ? [] : [[[name], words]];
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
  const why = REASONS.get(name.toLowerCase());
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
