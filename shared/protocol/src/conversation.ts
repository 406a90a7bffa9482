/**
 * A conversation as the chat completions API of OpenAI has it, which is also how every provider is
 * asked. Names are those of that API, since nearly all of it is passed on as it came.
 */
import { z } from "zod";

/** A piece of a message; what is no text reaches only models that can see or hear it. */
const textPartSchema = z.object({ type: z.literal("text"), text: z.string() });
const imagePartSchema = z.object({
  type: z.literal("image_url"),
  image_url: z.object({
    url: z.string().min(1),
    detail: z.enum(["auto", "low", "high"]).optional(),
  }),
});
const audioPartSchema = z.object({
  type: z.literal("input_audio"),
  input_audio: z.object({ data: z.string().min(1), format: z.string().min(1) }),
});

const textSchema = z.union([z.string(), z.array(textPartSchema).min(1)]);
const contentSchema = z.union([
  z.string(),
  z.array(z.discriminatedUnion("type", [textPartSchema, imagePartSchema, audioPartSchema])).min(1),
]);
const nameSchema = z.string().min(1).max(256).optional();

/** A call that an assistant made, as it stands in the history. */
const toolCallSchema = z.object({
  id: z.string(),
  type: z.literal("function").default("function"),
  function: z.object({ name: z.string(), arguments: z.string() }),
});

/**
 * One message. Fields that a client's library adds by itself (`refusal`, `annotations`, `audio`) are left out:
 * providers refuse unknown fields.
 */
export const conversationMessageSchema = z.discriminatedUnion("role", [
  z.object({ role: z.literal("system"), content: textSchema, name: nameSchema }),
  z.object({ role: z.literal("developer"), content: textSchema, name: nameSchema }),
  z.object({ role: z.literal("user"), content: contentSchema, name: nameSchema }),
  z.object({
    role: z.literal("assistant"),
    content: textSchema.nullish(),
    name: nameSchema,
    tool_calls: z.array(toolCallSchema).min(1).optional(),
    /** What it thought. Only providers that want it are sent it, see `wantsReasoning`. */
    reasoning_content: z
      .string()
      .optional()
      .describe("What the model thought; `reasoning` is another name for it."),
  }),
  z.object({ role: z.literal("tool"), content: textSchema, tool_call_id: z.string().min(1) }),
]);
export type ConversationMessage = z.infer<typeof conversationMessageSchema>;

const functionSchema = z.object({
  type: z.literal("function"),
  function: z.object({
    name: z.string().min(1).max(64),
    description: z.string().optional(),
    /** A JSON schema, which only the model reads. */
    parameters: z.record(z.string(), z.unknown()).optional(),
    strict: z.boolean().nullish(),
  }),
});
export type FunctionTool = z.infer<typeof functionSchema>;

/**
 * A tool that the provider has itself, such as Zhipu's `web_search`: what it says is between the two. Whether a
 * client may use it is the operator's to say.
 */
const ownToolSchema = z.looseObject({
  type: z
    .string()
    .min(1)
    .max(64)
    .refine((type) => type !== "function", { error: "has no such form", abort: true }),
});

const toolSchema = z.union([functionSchema, ownToolSchema]);

/**
 * Fields of a request that mean the same to every provider that knows them, and are passed on as they
 * are. A provider that does not know one says so, which the client is told.
 */
export const passedFieldsSchema = z.strictObject({
  tools: z.array(toolSchema).min(1).max(128).optional(),
  tool_choice: z
    .union([
      z.enum(["none", "auto", "required"]),
      z.object({ type: z.literal("function"), function: z.object({ name: z.string().min(1) }) }),
    ])
    .optional(),
  parallel_tool_calls: z.boolean().optional(),
  response_format: z
    .discriminatedUnion("type", [
      z.object({ type: z.literal("text") }),
      z.object({ type: z.literal("json_object") }),
      z.object({
        type: z.literal("json_schema"),
        json_schema: z.looseObject({ name: z.string().min(1).max(64) }),
      }),
    ])
    .optional(),
  user: z.string().min(1).max(512).optional(),
  seed: z.int().optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  reasoning_effort: z.string().min(1).max(32).optional(),
});
export type PassedFields = z.infer<typeof passedFieldsSchema>;

/** What of a request goes to the provider as it is; undefined where there is nothing. */
export function passedFieldsOf(
  request: {
    readonly [Name in keyof PassedFields]?: PassedFields[Name] | null;
  },
): PassedFields | undefined {
  const names = Object.keys(passedFieldsSchema.shape) as (keyof PassedFields)[];
  const given = names.flatMap((name) => (request[name] == null ? [] : [[name, request[name]]]));
  return given.length === 0 ? undefined : (Object.fromEntries(given) as PassedFields);
}
