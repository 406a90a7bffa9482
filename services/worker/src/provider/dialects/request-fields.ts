/**
 * The fields of a request besides its conversation. They have four sources; a later source replaces an earlier one:
 *
 * 1. the dialect, which knows what the provider needs (`requestFields`),
 * 2. the operator (`extraBody`),
 * 3. the client, in the fields that all providers share (options and passed fields),
 * 4. the client, in the provider's own fields (extra fields).
 */
import { mayBeLeftOut, type ProviderConfig, takesField } from "@openclaw/config";
import type { LimitName, RunOptions, RunParameters } from "@openclaw/protocol";
import type { Dialect } from "./dialect.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** A provider and its dialect. */
export interface Recipient {
  readonly config: ProviderConfig;
  readonly dialect: Dialect;
}

/** Objects with independent settings, merged by key. Any other field is one value. */
const BAGS = ["chat_template_kwargs", "nvext"];
const LIMIT_NAMES: readonly LimitName[] = ["max_tokens", "max_completion_tokens"];

/** A field that is undefined is not sent. */
export function requestFields(
  parameters: Readonly<RunParameters>,
  { config, dialect }: Recipient,
): Fields {
  const { options = {}, passed = {}, limitName } = parameters;
  const taken = (fields: Fields) => withoutUnknown(fields, config);
  const extra = taken(parameters.extra ?? {});
  const standing = merged(dialect.requestFields(config), withoutNulls(config.extraBody ?? {}));
  // The dialect's own switch for thinking would contradict this one.
  const switched = "enable_thinking" in { ...config.extraBody, ...extra };
  const name = config.maxTokensName ?? dialect.limitName?.(config) ?? limitName ?? "max_tokens";
  const own = optionFields(dialect.options?.(options) ?? options, name);
  const common = taken({ ...(dialect.passedFields?.(passed, config) ?? passed) });
  return [switched ? { thinking: undefined } : {}, own, common, extra].reduce(merged, standing);
}

/** A run's options under the providers' names. Without an option, the provider's default holds. */
function optionFields({ temperature, topP, maxTokens, stop }: RunOptions, name: LimitName): Fields {
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    // The operator may have set the limit under the other name. Providers refuse two limits.
    ...(maxTokens !== undefined && { ...noLimit(), [name]: maxTokens }),
    ...(stop !== undefined && { stop }),
  };
}

function noLimit(): Fields {
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, undefined]));
}

/**
 * Removes fields that the provider does not take, if the answer can do without them. A field that shapes the answer is
 * sent all the same. An edge does not choose such a provider, unless the edge has an older configuration; then the
 * provider refuses the request.
 */
function withoutUnknown(fields: Fields, config: ProviderConfig): Fields {
  const known = Object.entries(fields).filter(
    ([name]) => !mayBeLeftOut(name) || takesField(config, name),
  );
  return Object.fromEntries(known);
}

function merged(under: Fields, over: Fields): Fields {
  const bags = BAGS.filter((name) => isObject(under[name]) && isObject(over[name])).map((name) => [
    name,
    { ...Object(under[name]), ...Object(over[name]) },
  ]);
  return { ...under, ...over, ...Object.fromEntries(bags) };
}

/** `null` in the operator's configuration removes a field. */
function withoutNulls(fields: Fields): Fields {
  const known = Object.entries(fields).map(([name, value]) => [name, value ?? undefined]);
  return Object.fromEntries(known);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
