/**
 * Runs over HTTP as the edge serves them: started by one request, read by others.
 *
 * Events are the frames of protocol v2, one for one, so that a client may change between the two.
 */
import { z } from "zod";
import { conversationMessageSchema, passedFieldsOf, passedFieldsSchema } from "./conversation.ts";
import { ERROR_CODES, type ErrorCode } from "./error-code.ts";
import { checkExtra, extraFieldsOf } from "./extra-fields.ts";
import {
  askedOptionsSchema,
  parametersOf,
  type RunParameters,
  withoutUndefined,
} from "./run-parameters.ts";
import { sessionIdSchema } from "./session-id.ts";
import { type V2Down, v2DownSchema } from "./v2.ts";

const count = z.int().min(0);
const runId = z.string().min(1).max(128).describe("The run's id: a random UUID.");

const SHAPE = {
  message: z
    .string()
    .optional()
    .describe("The user's question. Give either `message` or `messages`, not both."),
  messages: z
    .array(conversationMessageSchema)
    .min(1)
    .max(2_000)
    .optional()
    .describe("A whole conversation."),
  provider: z
    .string()
    .min(1)
    .max(256)
    .nullish()
    .describe(
      "A provider, a group of providers, or `auto`. If left out, the default provider answers.",
    ),
  options: askedOptionsSchema
    .nullish()
    .describe("As in protocol v2. Other fields go to the provider, if it takes them."),
  session: sessionIdSchema
    .optional()
    .describe("A session whose WebSocket clients may also resume the run."),
  ...passedFieldsSchema.shape,
};

/** What the OpenAI API has beside its messages, and a run in its options. */
const ELSEWHERE = {
  temperature: "belongs in `options`",
  stop: "belongs in `options`",
  top_p: "is called `options.topP` here",
  topP: "belongs in `options`",
  max_tokens: "is called `options.maxTokens` here",
  max_completion_tokens: "is called `options.maxTokens` here",
  maxTokens: "belongs in `options`",
} as const;

/** `POST /v1/runs`. `provider` and `options` may be null, as in protocol v2. */
export const runRequestSchema = z
  .looseObject(SHAPE)
  .meta({ oneOf: [{ required: ["message"] }, { required: ["messages"] }] })
  .check(checkExtra(SHAPE, ELSEWHERE))
  .refine(({ message, messages }) => (message === undefined) !== (messages === undefined), {
    error: "needs either `message` or `messages`, not both",
  })
  .refine(({ message }) => message === undefined || message.trim() !== "", {
    error: "must not be empty",
    path: ["message"],
  });
export type RunRequestBody = z.infer<typeof runRequestSchema>;

/** What a request parameters for. A field beside `options` counts before the same one in them. */
export function parametersOfRun(request: RunRequestBody): RunParameters {
  const { options, passed, extra } = parametersOf(request.options);
  return withoutUndefined({
    options,
    passed: both(passed, passedFieldsOf(request)),
    extra: both(extra, extraFieldsOf(request, SHAPE)),
  });
}

function both<Fields>(inside: Fields | undefined, beside: Fields | undefined): Fields | undefined {
  return inside && beside ? { ...inside, ...beside } : (beside ?? inside);
}

const stateSchema = z.enum(["queued", "active", "completed", "failed", "cancelled"]);
const positionSchema = z.strictObject({ epoch: count, seq: count });

/** `202` of `POST /v1/runs`. */
export const acceptedRunSchema = z.strictObject({
  id: runId,
  state: z.literal("queued"),
  provider: z.string().describe("The provider whose queue the run is on."),
});
export type AcceptedRun = z.infer<typeof acceptedRunSchema>;

/** The answer of `POST /v1/runs/{id}/cancel`. */
export const cancelledRunSchema = z.strictObject({
  id: runId,
  state: stateSchema.describe("`cancelled`, unless the run had already ended in another way."),
});
export type CancelledRun = z.infer<typeof cancelledRunSchema>;

const errorCodeSchema = z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]);

/** `GET /v1/runs/{id}`. Fields that are not known (yet) are absent. */
export const runSchema = z.strictObject({
  id: runId,
  state: stateSchema,
  provider: z.string().describe("The provider that answers, or whose queue the run is on."),
  model: z.string().optional().describe("Absent until an attempt begins."),
  attempts: count,
  position: positionSchema.describe(
    "Position of the last entry in `text`. Events continue after it.",
  ),
  text: z.string().describe("The text of the last attempt so far."),
  reasoning: z.string().optional(),
  refusal: z.string().optional().describe("Why the model does not answer; it is not in `text`."),
  toolCalls: z
    .array(z.strictObject({ id: z.string(), name: z.string(), arguments: z.string() }))
    .optional(),
  finish: z.enum(["stop", "length", "content_filter", "tool_calls"]).optional(),
  usage: z.strictObject({ inputTokens: count, outputTokens: count }).optional(),
  error: z
    .strictObject({
      code: errorCodeSchema,
      message: z.string(),
      retryable: z.boolean(),
      retryAfterMs: count.optional(),
    })
    .optional(),
  timings: z
    .strictObject({
      createdAt: z.iso.datetime(),
      queuedMs: count.describe("How long the run has waited until the first worker took it."),
      startedMs: count.optional().describe("Until a worker took it."),
      firstTextMs: count
        .optional()
        .describe("Until the first piece of an answer, or of the model's thinking."),
      totalMs: count.optional().describe("Until it ended."),
    })
    .describe("In ms from the run's creation, by one clock."),
});
export type RunReport = z.infer<typeof runSchema>;

/** A piece of a call to one of the client's tools, which only exists over HTTP. */
export const toolCallEventSchema = z.strictObject({
  type: z.literal("tool_call"),
  run: runId,
  epoch: count,
  seq: count,
  index: count.describe("Which of this answer's calls, from 0."),
  id: z.string().optional().describe("In the first piece of a call, as is `name`."),
  name: z.string().optional(),
  arguments: z.string().describe("All pieces of a call together are JSON."),
});
export type ToolCallEvent = z.infer<typeof toolCallEventSchema>;

/** The frames of protocol v2 that tell a reader of its run. */
const FRAMES = [
  "queued",
  "started",
  "delta",
  "reasoning",
  "restart",
  "done",
  "error",
  "cancelled",
] as const satisfies readonly V2Down["type"][];
type EventFrame = Extract<V2Down, { type: (typeof FRAMES)[number] }>;
const frameNames: ReadonlySet<string> = new Set(FRAMES);

/** The `data` of an event of `GET /v1/runs/{id}/events`; its `type` is the event's name. */
export const runEventSchema = z.union([
  ...v2DownSchema.options.filter(({ shape }) => frameNames.has(shape.type.value)),
  toolCallEventSchema,
]);
export type RunEvent = EventFrame | ToolCallEvent;
