/**
 * The chat completions API as the edge serves it: what is accepted, and the shapes of what is answered.
 *
 * Follows OpenAI's specification (openapi 2.3.0), with `reasoning_content` as its other speakers add it.
 * A field that could not change the answer is accepted and left alone. A field that is not known here is
 * the provider's own (`extra-fields.ts`), and refused if no provider takes it.
 */
import { z } from "zod";
import { conversationMessageSchema, passedFieldsOf, passedFieldsSchema } from "./conversation.ts";
import { checkExtra, extraFieldsOf, IGNORED_FIELDS } from "./extra-fields.ts";
import { type RunOptions, runOptionsSchema } from "./run.ts";
import { type RunParameters, withoutUndefined } from "./run-parameters.ts";

const { temperature, maxTokens, stop } = runOptionsSchema.shape;

/** What 0 becomes: as far from it as the most that Zhipu takes is from 1, and the likeliest is all that is left. */
const LEAST_TOP_P = 0.01;

/** The two names of the limit. If a client gives both, the newer one counts. */
const LIMIT_NAMES = ["max_completion_tokens", "max_tokens"] as const;

const LEFT_ALONE = `these are left alone: ${IGNORED_FIELDS.join(", ")}`;

/** Optional fields may be null, which some clients send for all that they know and do not use. */
function orNull<Shape extends Readonly<Record<string, z.ZodType>>>(shape: Shape) {
  const fields = Object.entries(shape).map(([name, schema]) => [name, schema.nullish()]);
  // `fromEntries` forgets which name had which schema.
  return Object.fromEntries(fields) as unknown as {
    [Name in keyof Shape]: z.ZodOptional<z.ZodNullable<Shape[Name]>>;
  };
}

/** Accepted at the values that ask for nothing. The gateway cannot serve any other value. */
const NOTHING = {
  n: z.literal(1),
  logprobs: z.literal(false),
  top_logprobs: z.literal(0),
  modalities: z.tuple([z.literal("text")]),
} as const;

const SHAPE = {
  /** A provider, a group, `provider/model`, a model that a provider serves, or one the configuration maps. */
  model: z.string().min(1).max(256),
  messages: z.array(conversationMessageSchema).min(1).max(2_000),
  stream: z.boolean().nullish(),
  stream_options: z
    .object({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  ...orNull({
    max_tokens: maxTokens.unwrap(),
    max_completion_tokens: maxTokens.unwrap(),
    temperature: temperature.unwrap(),
    /** A run's is above 0, as that of most providers; OpenAI's begins there. */
    top_p: z.number().min(0).max(1),
    stop: z.union([stop.unwrap().element, stop.unwrap()]),
  }),
  ...orNull(passedFieldsSchema.shape),
  ...orNull(NOTHING),
};

/** Names of protocol v2. */
const V2_NAMES = {
  topP: "is called `top_p` here",
  maxTokens: "is called `max_tokens` here",
} as const;

export const chatCompletionRequestSchema = z
  .looseObject(SHAPE)
  .meta({ description: `Other fields go to the provider, if it takes them; ${LEFT_ALONE}.` })
  .check(checkExtra(SHAPE, V2_NAMES));
export type ChatCompletionRequest = z.infer<typeof chatCompletionRequestSchema>;

/** The parameters of a request, in the words of a run. */
export function parametersOfChat(request: ChatCompletionRequest): RunParameters {
  return withoutUndefined({
    options: runOptionsOf(request),
    passed: passedFieldsOf(request),
    extra: extraFieldsOf(request, SHAPE),
    limitName: LIMIT_NAMES.find((name) => request[name] != null),
  });
}

function runOptionsOf(request: ChatCompletionRequest): RunOptions {
  const { temperature, top_p, stop } = request;
  const maxTokens = request.max_completion_tokens ?? request.max_tokens;
  return {
    ...(temperature != null && { temperature }),
    ...(top_p != null && { topP: top_p === 0 ? LEAST_TOP_P : top_p }),
    ...(maxTokens != null && { maxTokens }),
    ...(stop != null && { stop: typeof stop === "string" ? [stop] : stop }),
  };
}

const finishSchema = z.enum(["stop", "length", "tool_calls", "content_filter"]);
const count = z.int().min(0);

export const chatUsageSchema = z.strictObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
});

const calledFunctionSchema = z.strictObject({
  id: z.string().min(1),
  type: z.literal("function"),
  function: z.strictObject({ name: z.string().min(1), arguments: z.string() }),
});

/** The head that every object of one answer has in common. */
const head = {
  id: z.string().min(1),
  created: z.int().min(0),
  /** Who really answers, as `provider/model`; in a stream, who began to. */
  model: z.string().min(1),
};

/** One event of a stream. The first has the role, the last but usage the finish reason. */
export const chatChunkSchema = z.strictObject({
  ...head,
  object: z.literal("chat.completion.chunk"),
  choices: z
    .array(
      z.strictObject({
        index: z.literal(0),
        delta: z.strictObject({
          role: z.literal("assistant").optional(),
          content: z.string().optional(),
          /** Why the model does not answer, in place of content. */
          refusal: z.string().optional(),
          reasoning_content: z.string().optional(),
          /** The same once more, under the other name that clients know. */
          reasoning: z.string().optional(),
          tool_calls: z
            .array(
              z.strictObject({
                index: count,
                id: z.string().min(1).optional(),
                type: z.literal("function").optional(),
                function: z.strictObject({
                  name: z.string().min(1).optional(),
                  arguments: z.string().optional(),
                }),
              }),
            )
            .optional(),
        }),
        finish_reason: finishSchema.nullable(),
      }),
    )
    .max(1),
  /** Null in every chunk but the one without choices, where usage was asked for; absent otherwise. */
  usage: chatUsageSchema.nullable().optional(),
});
export type ChatChunk = z.infer<typeof chatChunkSchema>;

/** A whole answer. */
export const chatCompletionSchema = z.strictObject({
  ...head,
  object: z.literal("chat.completion"),
  choices: z.tuple([
    z.strictObject({
      index: z.literal(0),
      message: z.strictObject({
        role: z.literal("assistant"),
        /** Null where there are only tool calls, or a refusal. */
        content: z.string().nullable(),
        refusal: z.string().nullable(),
        reasoning_content: z.string().optional(),
        /** The same once more. */
        reasoning: z.string().optional(),
        tool_calls: z.array(calledFunctionSchema).optional(),
      }),
      logprobs: z.null(),
      finish_reason: finishSchema,
    }),
  ]),
  /** Absent where the provider did not say. */
  usage: chatUsageSchema.optional(),
});
export type ChatCompletion = z.infer<typeof chatCompletionSchema>;

export const modelSchema = z.strictObject({
  id: z.string().min(1),
  object: z.literal("model"),
  /** Not known, and the same on every edge: always 0. */
  created: z.literal(0),
  owned_by: z.string(),
});
export const modelListSchema = z.strictObject({
  object: z.literal("list"),
  data: z.array(modelSchema),
});

/** The body of every refusal over HTTP, and of an error event within a stream. */
export const apiErrorSchema = z.strictObject({
  error: z.strictObject({
    message: z.string().min(1),
    type: z.string().min(1),
    /** The field of the request that is wrong. */
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
});
export type ApiError = z.infer<typeof apiErrorSchema>;
