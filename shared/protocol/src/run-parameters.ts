/**
 * The parameters of a run: how the provider is to make its answer. Each protocol translates its requests into this
 * form, and the job carries it to the worker.
 */
import { z } from "zod";
import { passedFieldsOf, passedFieldsSchema } from "./conversation.ts";
import { checkExtra, extraFieldsOf } from "./extra-fields.ts";
import { limitNameSchema, type RunOptions, runOptionsSchema } from "./run.ts";

export const runParametersSchema = z.object({
  options: runOptionsSchema.optional(),
  /** Fields that have one name and one meaning wherever they are known. */
  passed: passedFieldsSchema.optional(),
  /** Fields that only some providers know, as these call them. */
  extra: z.record(z.string(), z.unknown()).optional(),
  /** What the client called `maxTokens`, where its API has two names for it. */
  limitName: limitNameSchema.optional(),
});
export type RunParameters = z.infer<typeof runParametersSchema>;

const { tools, tool_choice, parallel_tool_calls, ...passedWithoutTools } = passedFieldsSchema.shape;

const SHAPE = { ...runOptionsSchema.shape, ...passedWithoutTools };

const OVER_HTTP = "can only be given over HTTP, as a field of the request";
/** Fields that have another name here, or another place. */
const ELSEWHERE = {
  top_p: "is called `topP` here",
  max_tokens: "is called `maxTokens` here",
  max_completion_tokens: "is called `maxTokens` here",
  tools: OVER_HTTP,
  tool_choice: OVER_HTTP,
  parallel_tool_calls: OVER_HTTP,
} as const;

/** `options` as clients send them. Any other field goes to the provider, if the provider takes it. */
export const askedOptionsSchema = z.looseObject(SHAPE).check(checkExtra(SHAPE, ELSEWHERE));
export type AskedOptions = z.infer<typeof askedOptionsSchema>;

/** The parameters that `options` give. */
export function parametersOf(asked: AskedOptions | null | undefined): RunParameters {
  if (!asked) return {};
  return withoutUndefined({
    options: runOptionsOf(asked),
    passed: passedFieldsOf(asked),
    extra: extraFieldsOf(asked, SHAPE),
  });
}

/** Drops undefined parameters, so that a job has no empty fields. */
export function withoutUndefined(parameters: RunParameters): RunParameters {
  return Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined));
}

function runOptionsOf({ temperature, topP, maxTokens, stop }: AskedOptions): RunOptions {
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(stop !== undefined && { stop }),
  };
}
