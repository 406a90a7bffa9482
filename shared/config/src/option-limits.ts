/**
 * What some kinds of providers cannot heed. Whoever chooses a provider asks here first, so that a run goes
 * to one that can, and is refused with the reason where none can.
 *
 * Only what is documented counts: what is not known is sent, and refused by the provider itself.
 */
import type { ProviderConfig, ProviderKind } from "./gateway-config.ts";

/** What a run wishes for, as far as a provider may be unable to heed it. Named as the protocol does. */
export interface Wishes {
  readonly options?: { readonly stop?: readonly string[] | undefined } | undefined;
  readonly passed?:
    | {
        readonly tools?: readonly unknown[] | undefined;
        readonly tool_choice?: string | object | undefined;
        readonly parallel_tool_calls?: boolean | undefined;
        readonly response_format?: { readonly type: string } | undefined;
        readonly seed?: number | undefined;
        readonly presence_penalty?: number | undefined;
        readonly frequency_penalty?: number | undefined;
      }
    | undefined;
}

/** What a provider cannot heed: the field's name, however it is called, and `reason` make a sentence. */
export interface OptionProblem {
  /** As protocol v2 and `POST /v1/runs` have it. */
  readonly field: WishedField;
  readonly reason: string;
}

type WishedField = "options.stop" | keyof NonNullable<Wishes["passed"]>;

/** Between the two parts of the reason stands the provider's name. */
type Limit = (
  wishes: Wishes,
) => { readonly field: WishedField; readonly wish: string; readonly but: string } | undefined;

/** Stated as 0 they are the default, and nothing is lost without them. */
const penalties: Limit = ({ passed }) => {
  const names = ["presence_penalty", "frequency_penalty"] as const;
  const field = names.find((name) => passed?.[name]);
  return field && { field, wish: "was given", but: "does not know it" };
};

const oneStop: Limit = ({ options: { stop = [] } = {} }) =>
  stop.length <= 1
    ? undefined
    : { field: "options.stop", wish: `has ${stop.length} sequences`, but: "takes 1" };

const noSeed: Limit = ({ passed }) =>
  passed?.seed === undefined
    ? undefined
    : { field: "seed", wish: "was given", but: "does not know it" };

/** `none` is heeded all the same: the worker then leaves the tools out. */
const freeToolChoice: Limit = ({ passed: { tool_choice: choice = "auto" } = {} }) =>
  choice === "auto" || choice === "none"
    ? undefined
    : { field: "tool_choice", wish: "demands a call", but: 'takes only "auto" and "none"' };

const manyCalls: Limit = ({ passed }) =>
  passed?.tools === undefined || passed.parallel_tool_calls !== false
    ? undefined
    : { field: "parallel_tool_calls", wish: "is false", but: "cannot be told so" };

const noSchema: Limit = ({ passed }) =>
  passed?.response_format?.type === "json_schema"
    ? { field: "response_format", wish: "has a schema", but: "knows only `json_object`" }
    : undefined;

const LIMITS: Readonly<Record<ProviderKind, readonly Limit[]>> = {
  openai: [],
  nvidia: [],
  tencent: [penalties],
  zhipu: [oneStop, freeToolChoice, manyCalls, noSchema, noSeed, penalties],
};

/**
 * Why a provider cannot heed what a run wishes for. What is merely out of its range is no reason: the
 * worker brings that to the nearest value. Leaving it out would change the answer.
 */
export function optionProblem(
  name: string,
  { kind }: Pick<ProviderConfig, "kind">,
  wishes: Wishes,
): OptionProblem | undefined {
  const problem = LIMITS[kind].map((limit) => limit(wishes)).find((found) => found !== undefined);
  if (!problem) return undefined;
  const { field, wish, but } = problem;
  return { field, reason: `${wish}; ${name} ${but}.` };
}
