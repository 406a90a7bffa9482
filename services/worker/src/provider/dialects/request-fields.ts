/**
 * The fields of a request beside its conversation. Four voices are heard, each before the one above it:
 *
 * 1. the dialect, which knows what the provider needs (`requestFields`),
 * 2. the operator (`extraBody`),
 * 3. the client, in the words of every API (options and passed fields),
 * 4. the client, in the provider's own words (extra fields).
 */
import { mayBeLeftOut, type ProviderConfig, takesField } from "@openclaw/config";
import type { LimitName, RunOptions, RunWishes } from "@openclaw/protocol";
import type { Dialect } from "./dialect.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** The provider that is asked, and how it is spoken to. */
export interface Recipient {
  readonly config: ProviderConfig;
  readonly dialect: Dialect;
}

/** Each of their own fields is a setting for itself; all others are one value each. */
const BAGS = ["chat_template_kwargs", "nvext"];
const LIMIT_NAMES: readonly LimitName[] = ["max_tokens", "max_completion_tokens"];

/** A field that is undefined is not sent. */
export function requestFields(wishes: Readonly<RunWishes>, { config, dialect }: Recipient): Fields {
  const { options = {}, passed = {}, limitName } = wishes;
  const taken = (fields: Fields) => withoutUnknown(fields, config);
  const extra = taken(wishes.extra ?? {});
  const standing = merged(dialect.requestFields(config), withoutNulls(config.extraBody ?? {}));
  // The dialect's own switch would contradict the other one.
  const switched = "enable_thinking" in { ...config.extraBody, ...extra };
  const name = config.maxTokensName ?? dialect.limitName?.(config) ?? limitName ?? "max_tokens";
  const own = optionFields(dialect.options?.(options) ?? options, name);
  const common = taken({ ...(dialect.passedFields?.(passed, config) ?? passed) });
  return [switched ? { thinking: undefined } : {}, own, common, extra].reduce(merged, standing);
}

/** A run's options as providers call them. What was not asked for is the provider's own default. */
function optionFields({ temperature, topP, maxTokens, stop }: RunOptions, name: LimitName): Fields {
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    // One of the operator's under the other name would be a second limit, which providers refuse.
    ...(maxTokens !== undefined && { ...noLimit(), [name]: maxTokens }),
    ...(stop !== undefined && { stop }),
  };
}

function noLimit(): Fields {
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, undefined]));
}

/**
 * Leaves out what the provider does not know and an answer can do without. What shapes the answer is
 * sent all the same: the edge keeps such runs away, and what slips through is the provider's to refuse.
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

/** In the operator's fields null takes one away. */
function withoutNulls(fields: Fields): Fields {
  const known = Object.entries(fields).map(([name, value]) => [name, value ?? undefined]);
  return Object.fromEntries(known);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
