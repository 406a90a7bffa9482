/**
 * The parameters that a provider cannot heed. The edge asks here before it chooses a chain: a run goes to a provider
 * that heeds all of them. Where no provider does, the edge refuses the run with the reason.
 */
import type { ProviderConfig, ProviderKind } from "./gateway-config.ts";
import {
  isOfOneModel,
  mayBeLeftOut,
  REQUEST_FIELDS,
  takesField,
  takesFieldAsStandIn,
  takesTool,
} from "./request-fields.ts";

/** The parameters of a request that some providers cannot heed. Named as in the protocol. */
export interface RequestParameters {
  readonly options?: { readonly stop?: readonly string[] | undefined } | undefined;
  readonly passed?:
    | {
        readonly tools?: readonly { readonly type: string }[] | undefined;
        readonly tool_choice?: string | object | undefined;
        readonly parallel_tool_calls?: boolean | undefined;
        readonly response_format?: { readonly type: string } | undefined;
        readonly seed?: number | undefined;
        readonly presence_penalty?: number | undefined;
        readonly frequency_penalty?: number | undefined;
      }
    | undefined;
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
}

/** What a provider cannot heed: the field's name, and `reason`, make a sentence. */
export interface OptionProblem {
  readonly field: string;
  readonly reason: string;
}

/** Between the two parts of the reason stands the provider's name. */
interface Unheeded {
  readonly field: string;
  readonly given: string;
  readonly but: string;
}

type Limit = (parameters: RequestParameters) => Unheeded | undefined;

const oneStop: Limit = ({ options: { stop = [] } = {} }) =>
  stop.length <= 1
    ? undefined
    : { field: "stop", given: `has ${stop.length} sequences`, but: "takes 1" };

/** `none` is heeded all the same: the worker then leaves the tools out. */
const freeToolChoice: Limit = ({ passed: { tool_choice: choice = "auto" } = {} }) =>
  choice === "auto" || choice === "none"
    ? undefined
    : { field: "tool_choice", given: "demands a call", but: 'takes only "auto" and "none"' };

const manyCalls: Limit = ({ passed }) =>
  passed?.tools === undefined || passed.parallel_tool_calls !== false
    ? undefined
    : { field: "parallel_tool_calls", given: "is false", but: "cannot be told so" };

const noSchema: Limit = ({ passed }) =>
  passed?.response_format?.type === "json_schema"
    ? { field: "response_format", given: "has a schema", but: "knows only `json_object`" }
    : undefined;

const LIMITS: Readonly<Record<ProviderKind, readonly Limit[]>> = {
  openai: [],
  nvidia: [],
  tencent: [],
  zhipu: [oneStop, freeToolChoice, manyCalls, noSchema],
};

/** A provider, with the settings that decide which fields it takes. */
export interface Asked {
  readonly name: string;
  readonly config: Pick<ProviderConfig, "kind" | "baseUrl" | "model" | "unknownFields">;
}

/**
 * Why a provider that the client asked for cannot heed the parameters of a run. A number out of its range is
 * no reason: the worker takes the nearest value.
 */
export function optionProblem(
  asked: Asked,
  parameters: RequestParameters,
): OptionProblem | undefined {
  return problemOf(asked, parameters, ({ config }, field) => takesField(config, field));
}

/**
 * Why a provider cannot stand in for another. A field that it does not take and may leave out is no
 * reason: an answer with other odds is better than no answer.
 */
export function standInProblem(
  standIn: Asked,
  parameters: RequestParameters,
  { config: { model } }: Asked,
): OptionProblem | undefined {
  return problemOf(standIn, parameters, ({ config }, field) => {
    if (isOfOneModel(field) && config.model !== model) return false;
    return mayBeLeftOut(field) || takesFieldAsStandIn(config, field);
  });
}

function problemOf(
  asked: Asked,
  parameters: RequestParameters,
  isHeeded: (asked: Asked, field: string) => boolean,
): OptionProblem | undefined {
  const limits = LIMITS[asked.config.kind].map((limit) => limit(parameters));
  const limited = ownTool(asked, parameters) ?? limits.find((found) => found !== undefined);
  const field = fieldsGiven(parameters).find((name) => !isHeeded(asked, name));
  const unheeded =
    limited ?? (field && { field, given: "was given", but: "is not known to take it" });
  if (!unheeded) return undefined;
  const { given, but } = unheeded;
  return { field: unheeded.field, reason: `${given}; ${asked.name} ${but}.` };
}

/** A fallback is no exception: its account would pay all the same. */
function ownTool(
  { config }: Asked,
  { passed: { tools = [] } = {} }: RequestParameters,
): Unheeded | undefined {
  if (tools.every(({ type }) => takesTool(config, type))) return undefined;
  const but = "takes only functions from clients, as others may cost money or reach other services";
  return { field: "tools", given: "has others than functions", but };
}

/** The fields of a run that only some providers take. */
function fieldsGiven({ passed = {}, extra = {} }: RequestParameters): string[] {
  const { presence_penalty, frequency_penalty, ...others } = passed;
  // Stated as 0 they are the default, and nothing is lost without them.
  const penalties = {
    ...(presence_penalty && { presence_penalty }),
    ...(frequency_penalty && { frequency_penalty }),
  };
  const rare = Object.keys({ ...others, ...penalties }).filter((name) =>
    Object.hasOwn(REQUEST_FIELDS, name),
  );
  return [...rare, ...Object.keys(extra)];
}
