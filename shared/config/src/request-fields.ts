/**
 * Fields of a request that only some providers take: which kinds do, and what happens at a fallback that
 * does not.
 *
 * Only what is documented counts. docs/fields.md shows this table, and a test keeps the two in step.
 */
import { isOn } from "./continuation.ts";
import type { ProviderConfig, ProviderKind } from "./gateway-config.ts";

/**
 * The subject of a field. It decides what happens at a fallback that does not take the field.
 *
 * `sampling` says how words are chosen, `effort` how long the model thinks, and `hint` changes no answer.
 * The fallback answers without these. `shape` says what the answer is made of: the fallback is not asked.
 * `tokens` names pieces of one model's vocabulary: no fallback with another model is asked.
 */
export type FieldRole = "sampling" | "effort" | "hint" | "shape" | "tokens";

/** OpenAI's own host knows less than the servers that follow its specification. */
export type FieldHome = ProviderKind | "openai.com";

export interface RequestField {
  readonly role: FieldRole;
  readonly homes: readonly FieldHome[];
}

/** OpenAI itself. It refuses fields that it does not know, and older names of its own. */
export const OPENAI_ITSELF = ["openai.com", "openai.azure.com"];

/** vLLM, SGLang, llama.cpp and other servers that follow the specification. */
const SERVERS = ["openai"] as const;
/** NVIDIA's models run on such servers as well. */
const SERVERS_AND_NIM = ["openai", "nvidia"] as const;

export const REQUEST_FIELDS: Readonly<Record<string, RequestField>> = {
  ...fields("sampling", ["openai", "openai.com", "nvidia", "tencent"], ["seed"]),
  ...fields(
    "sampling",
    ["openai", "openai.com", "nvidia"],
    ["presence_penalty", "frequency_penalty"],
  ),
  ...fields("sampling", SERVERS_AND_NIM, [
    ...["top_k", "min_p", "repetition_penalty", "length_penalty", "ignore_eos", "min_tokens"],
  ]),
  ...fields("sampling", SERVERS, [
    ...["top_a", "typical_p", "top_n_sigma", "tfs_z", "repeat_penalty", "repeat_last_n"],
    ...["mirostat", "mirostat_tau", "mirostat_eta", "use_beam_search", "temperature_last"],
    ...["dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n"],
    ...["xtc_probability", "xtc_threshold", "dynatemp_range", "dynatemp_exponent"],
  ]),
  ...fields("sampling", ["zhipu"], ["do_sample"]),

  ...fields("effort", ["openai", "zhipu", "tencent"], ["thinking"]),
  ...fields("effort", ["openai", "tencent"], ["enable_thinking"]),
  ...fields("effort", SERVERS_AND_NIM, [
    ...["chat_template_kwargs", "reasoning_budget", "thinking_token_budget"],
    ...["max_thinking_tokens", "include_reasoning"],
  ]),
  ...fields("effort", SERVERS, ["thinking_budget", "reasoning", "separate_reasoning"]),
  ...fields("effort", ["openai", "openai.com"], ["verbosity"]),

  ...fields("hint", ["zhipu"], ["user_id", "tool_stream"]),

  ...fields("shape", SERVERS_AND_NIM, [
    ...["guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs"],
    ...["guided_decoding_backend", "guided_whitespace_pattern", "nvext", "bad_words"],
    ...["include_stop_str_in_output", "skip_special_tokens", "spaces_between_special_tokens"],
    ...["add_special_tokens", "mm_processor_kwargs", "media_io_kwargs", "documents"],
  ]),
  ...fields("shape", SERVERS, [
    ...["structural_tag", "regex", "ebnf", "json_schema", "grammar", "stop_regex", "no_stop_trim"],
    ...["add_generation_prompt", "continue_final_message", "echo", "truncate_prompt_tokens"],
    ...["enable_search", "search_options", "translation_options"],
  ]),
  ...fields("shape", ["openai", "openai.com"], ["web_search_options"]),
  ...fields("shape", ["zhipu"], ["sensitive_word_check"]),
  ...fields(
    "shape",
    ["tencent"],
    [
      ...["enable_enhancement", "force_search_enhancement", "enable_speed_search", "search_info"],
      ...["enable_deep_search", "citation", "enable_multimedia", "stream_moderation"],
    ],
  ),

  ...fields("tokens", ["openai", "openai.com", "nvidia"], ["logit_bias"]),
  ...fields("tokens", SERVERS_AND_NIM, ["stop_token_ids", "allowed_token_ids", "bad_words_ids"]),
};

function fields(
  role: FieldRole,
  homes: readonly FieldHome[],
  names: readonly string[],
): Record<string, RequestField> {
  return Object.fromEntries(names.map((name) => [name, { role, homes }]));
}

/**
 * The types of tools that a client may give. A function only comes back to the client as a call. A tool of the
 * provider's own runs at the provider. It costs money, reads the account's data, or calls a server that the client
 * names (`web_search`, `retrieval`, `mcp`). Each documented tool does at least one of these.
 */
export const TOOL_TYPES: Readonly<Record<FieldHome, readonly string[]>> = {
  openai: ["function"],
  "openai.com": ["function"],
  nvidia: ["function"],
  zhipu: ["function"],
  tencent: ["function"],
};

type Taker = Pick<ProviderConfig, "kind" | "baseUrl" | "unknownFields">;

/** Whether a provider is sent a field: its kind takes the field, or its `unknownFields` passes every field. */
export function takesField(config: Taker, name: string): boolean {
  return fieldOf(name)?.homes.includes(homeOf(config)) || unknownFieldsOf(config) === "pass";
}

/**
 * Whether a provider may stand in with a field. As `takesField`, but a field of other kinds alone does not
 * pass by default: a server that ignored it would answer another question.
 */
export function takesFieldAsStandIn(config: Taker, name: string): boolean {
  const isForeign = fieldOf(name)?.homes.includes(homeOf(config)) === false;
  return isForeign ? config.unknownFields === "pass" : takesField(config, name);
}

/**
 * Whether clients may give a provider a tool of this type. Only an operator who says `unknownFields: "pass"`
 * allows more; that this is the default of a kind says nothing about who pays.
 */
export function takesTool(config: Taker, type: string): boolean {
  return TOOL_TYPES[homeOf(config)].includes(type) || config.unknownFields === "pass";
}

/** Whether a provider that does not take the field may answer without it. */
export function mayBeLeftOut(name: string): boolean {
  const role = fieldOf(name)?.role;
  return role === "sampling" || role === "effort" || role === "hint";
}

/** Whether a field is about the model's own vocabulary, and so means nothing to another model. */
export function isOfOneModel(name: string): boolean {
  return fieldOf(name)?.role === "tokens";
}

/** The default of `unknownFields`; docs/decisions has the reasons. */
export function unknownFieldsOf(config: Taker): "pass" | "refuse" {
  return config.unknownFields ?? (homeOf(config) === "openai" ? "pass" : "refuse");
}

/** Names come from clients, so one may be `constructor`. */
function fieldOf(name: string): RequestField | undefined {
  return Object.hasOwn(REQUEST_FIELDS, name) ? REQUEST_FIELDS[name] : undefined;
}

function homeOf({ kind, baseUrl }: Taker): FieldHome {
  return kind === "openai" && isOn(baseUrl, OPENAI_ITSELF) ? "openai.com" : kind;
}
