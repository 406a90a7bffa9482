/**
 * The schema of the gateway's configuration. Descriptions and defaults are the source of the generated reference in
 * docs/configuration.md.
 */
import { z } from "zod";
import { isPlaceholder, PLACEHOLDER_RULE } from "./placeholder.ts";
import { NO_PROXY_AT_ALL, PROXY_RULE, parseProxy } from "./proxy.ts";

const milliseconds = z.int().min(1).max(3_600_000);
const ms = (fallback: number) => milliseconds.default(fallback);

const poolSchema = z.strictObject({
  connections: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe("Most sockets one worker opens to this provider. Default: `maxConcurrency`."),
  warm: z
    .int()
    .min(0)
    .max(256)
    .default(4)
    .describe("Spare sockets one worker keeps open and ready."),
  idleMs: ms(25_000).describe(
    "How long an unused socket is kept before it is replaced; less where the provider turns out to close it sooner.",
  ),
});

const timeoutsSchema = z.strictObject({
  queueMs: milliseconds
    .optional()
    .describe("Longest wait for a worker. Default: `EDGE_QUEUE_TIMEOUT_MS` of the edge."),
  connectMs: ms(10_000).describe("To open a socket, TLS included."),
  firstTokenMs: ms(20_000).describe("From taking the run to the first text, connecting included."),
  stallMs: ms(15_000).describe("Longest silence between two pieces of text."),
  endMs: ms(1_000).describe(
    "How long usage and the end of the stream are waited for once the provider has said why it stopped, and nothing behind it. Some give a reason with every piece of text: behind a reason that came with text, a third of `stallMs` is waited if that is longer, and nine tenths of it once text did follow a reason.",
  ),
  totalMs: ms(120_000).describe("Whole run, from the moment a worker takes it."),
});

const providerSchema = z.strictObject({
  kind: z
    .enum(["openai", "nvidia", "zhipu", "tencent"])
    .describe(
      "Which dialect of the API it speaks. NVIDIA's, Zhipu's and Tencent's services have their own; for all others (OpenAI, DeepSeek, Kimi, Qwen, Doubao, vLLM, Ollama) it is `openai`.",
    ),
  baseUrl: z
    .url({ protocol: /^https?$/, error: "must be an http or https URL" })
    .refine((url) => !/\/chat\/completions\/*$/.test(url), {
      error: "must end before /chat/completions, which is added to it",
    })
    .describe("Where `/chat/completions` is found."),
  apiKey: z
    .string()
    .min(1)
    .refine((key) => !isPlaceholder(key), { error: PLACEHOLDER_RULE })
    .optional()
    .describe("Sent as a bearer token. Leave out where none is needed."),
  model: z.string().min(1).describe("The provider's name of the model."),
  region: z
    .enum(["domestic", "overseas"])
    .default("overseas")
    .describe("Which latency target applies."),
  maxConcurrency: z
    .int()
    .min(1)
    .max(10_000)
    .default(32)
    .describe("Most runs at once, over the whole cluster."),
  rpm: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe(
      "Most runs begun in any 60 s, over the whole cluster, spread over them: a thirteenth every 5 s, below 26 one after the other. Default: no such limit.",
    ),
  proxy: z
    .string()
    .refine((text) => text === NO_PROXY_AT_ALL || parseProxy(text) !== undefined, {
      error: PROXY_RULE,
    })
    .optional()
    .describe(
      'HTTP proxy that leads to it, by CONNECT: `http://USER:PASSWORD@HOST:PORT`, or `https://` for one that speaks TLS; `"none"` for no proxy. Default: `HTTPS_PROXY` or `HTTP_PROXY`, by the scheme of `baseUrl`, except for hosts in `NO_PROXY`.',
    ),
  pool: poolSchema.prefault({}),
  timeouts: timeoutsSchema.prefault({}),
  fallback: z
    .array(z.string())
    .max(8)
    .default([])
    .describe("Providers to ask instead, in this order, when this one fails."),
  contextTokens: z
    .int()
    .min(1)
    .max(100_000_000)
    .optional()
    .describe(
      "How many tokens its model takes, question and answer together. A request that is surely too long, or that it refuses as too long, goes to a provider of `fallback` that takes more, or whose size is not known. What a question takes is estimated from below, as only the provider can count. Default: not known.",
    ),
  retries: z
    .int()
    .min(0)
    .max(5)
    .default(0)
    .describe(
      "How often it is asked again, before `fallback`, after a failure that may pass (no connection, HTTP 5xx, 429) and before it said anything. Without a `fallback` it is asked once more at the end, after 1 to 4 s, whatever is set here.",
    ),
  retryWithinMs: z
    .int()
    .min(0)
    .max(10_000)
    .default(2_000)
    .describe(
      "Longest `Retry-After` that is waited for before it is asked again by `retries`; with a longer one, or a 429 without any, `fallback` is asked at once.",
    ),
  hedgeAfterMs: milliseconds
    .optional()
    .describe(
      "When this provider has not begun to speak after so long, the next of `fallback` is asked as well; who speaks first answers. Default: never.",
    ),
  continueFromPartial: z
    .boolean()
    .default(false)
    .describe(
      "When this provider takes over an answer that broke off: true has it continue the text so far, false has it begin anew. For servers that continue a trailing assistant message (vLLM, SGLang, DeepSeek, Kimi, Model Studio), of kind `openai` only.",
    ),
  finishesWithDone: z
    .boolean()
    .optional()
    .describe(
      "Whether `[DONE]` behind content is the end of an answer without a finish reason; otherwise such an answer counts as cut. Default: true for kind `nvidia`, some of whose models never give a reason, else false.",
    ),
  extraBody: z
    .record(z.string(), z.unknown())
    .optional()
    .describe(
      "Fields that every request to this provider has, unless the client gives the same ones: a default that a client's field overrides, and no lock. `null` takes a field away that the gateway sends by itself, such as `stream_options`.",
    ),
  unknownFields: z
    .enum(["pass", "refuse"])
    .optional()
    .describe(
      "What becomes of a client's field that is not on the list of this kind (docs/fields.md). Default: `pass` for kind `openai` but for OpenAI's own host, else `refuse`. Set to `pass`, it also lets clients use tools that the provider runs itself, such as `web_search`.",
    ),
  maxTokensName: z
    .enum(["max_tokens", "max_completion_tokens"])
    .optional()
    .describe(
      "What it calls the limit of an answer. Default: the client's name for kind `openai` (`max_tokens` where the client has none), `max_completion_tokens` for OpenAI's own host, else `max_tokens`.",
    ),
  wantsReasoning: z
    .boolean()
    .optional()
    .describe(
      "Whether what models thought earlier in a conversation goes back to it, as `reasoning_content`. Default: true for kinds `tencent` and `zhipu` and for DeepSeek's and Moonshot's own hosts, else false.",
    ),
  simulated: z
    .boolean()
    .default(false)
    .describe("True where the provider is the simulator; shown to operators."),
});

const targetSchema = (firstTextMs: number, fullMs: number) =>
  z
    .strictObject({
      firstTextMs: ms(firstTextMs).describe("To the first text."),
      fullMs: ms(fullMs).describe("To the end of the answer."),
    })
    .prefault({});

const targetsSchema = z
  .strictObject({
    domestic: targetSchema(1_000, 3_000),
    overseasWarm: targetSchema(3_000, 5_000),
    overseasCold: targetSchema(8_000, 10_000),
  })
  .prefault({});

export const gatewayConfigSchema = z.strictObject({
  providers: z.record(z.string(), providerSchema),
  groups: z
    .record(z.string(), z.array(z.string()).min(1).max(16))
    .default({})
    .describe(
      'Names that stand for several providers, such as the accounts of one: {"nvidia": ["nvidia1", "nvidia2"]}. The one that is best right now answers. `auto` stands for all, unless it is named here.',
    ),
  defaultProvider: z
    .string()
    .optional()
    .describe("A provider or a group that answers when a client names none. Default: the first."),
  models: z
    .record(z.string().min(1).max(256), z.string())
    .default({})
    .describe(
      'Names of models that clients of the OpenAI API ask for, and the provider or group that answers them: {"gpt-4o": "auto"}. Names of providers and groups, and the models that providers serve, need no entry.',
    ),
  hedgeBudget: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe("Most of all runs for which a second provider is asked by `hedgeAfterMs`."),
  targets: targetsSchema,
});

/** A provider as its configuration says it. */
export type WrittenProvider = z.infer<typeof providerSchema>;

/** The file as a whole, likewise. */
export type WrittenConfig = z.infer<typeof gatewayConfigSchema>;
