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
    .describe("Most sockets that one worker opens to this provider. Default: `maxConcurrency`."),
  warm: z
    .int()
    .min(0)
    .max(256)
    .default(4)
    .describe("Spare sockets that one worker keeps open and ready."),
  idleMs: ms(25_000).describe(
    "How long an unused socket is kept before it is replaced. Shorter if the provider closes such sockets sooner.",
  ),
});

const timeoutsSchema = z.strictObject({
  queueMs: milliseconds
    .optional()
    .describe("Longest wait for a worker. Default: `EDGE_QUEUE_TIMEOUT_MS` of the edge."),
  connectMs: ms(10_000).describe("Longest time to open a socket, TLS included."),
  firstTokenMs: ms(20_000).describe(
    "Longest time from taking the run to the first text, connecting included.",
  ),
  stallMs: ms(15_000).describe("Longest silence between two pieces of text."),
  endMs: ms(1_000).describe(
    "How long a worker waits for usage and the end of the stream after the finish reason. Some providers give a reason with every piece of text. After a reason that came with text, the worker waits a third of `stallMs` if that is longer. Once text did follow a reason, it waits nine tenths of `stallMs`.",
  ),
  totalMs: ms(120_000).describe(
    "Longest time for the whole run, from the moment a worker takes it.",
  ),
});

const providerSchema = z.strictObject({
  kind: z
    .enum(["openai", "nvidia", "zhipu", "tencent"])
    .describe(
      "The dialect of the API that it speaks. NVIDIA, Zhipu and Tencent have their own. `openai` is for all others: OpenAI, DeepSeek, Kimi, Qwen, Doubao, vLLM, Ollama.",
    ),
  baseUrl: z
    .url({ protocol: /^https?$/, error: "must be an http or https URL" })
    .refine((url) => !/\/chat\/completions\/*$/.test(url), {
      error: "must end before /chat/completions, which is added to it",
    })
    .describe("The URL below which `/chat/completions` is found."),
  apiKey: z
    .string()
    .min(1)
    .refine((key) => !isPlaceholder(key), { error: PLACEHOLDER_RULE })
    .optional()
    .describe("Sent as a bearer token. Leave it out if the provider needs no key."),
  model: z.string().min(1).describe("The model, by the provider's name for it."),
  region: z
    .enum(["domestic", "overseas"])
    .default("overseas")
    .describe("Decides which latency target applies."),
  maxConcurrency: z
    .int()
    .min(1)
    .max(10_000)
    .default(32)
    .describe("Most runs at once, in the whole cluster."),
  rpm: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe(
      "Most runs that begin in any 60 s, in the whole cluster. They are spread over the 60 s: a thirteenth every 5 s. Below 26, one run begins after the other. Default: no such limit.",
    ),
  proxy: z
    .string()
    .refine((text) => text === NO_PROXY_AT_ALL || parseProxy(text) !== undefined, {
      error: PROXY_RULE,
    })
    .optional()
    .describe(
      'HTTP proxy on the way to it, used with CONNECT: `http://USER:PASSWORD@HOST:PORT`, or `https://` for a proxy that speaks TLS. `"none"` means no proxy. Default: `HTTPS_PROXY` or `HTTP_PROXY`, by the scheme of `baseUrl`, except for hosts in `NO_PROXY`.',
    ),
  pool: poolSchema.prefault({}),
  timeouts: timeoutsSchema.prefault({}),
  fallback: z
    .array(z.string())
    .max(8)
    .default([])
    .describe("Providers to ask in this order when this provider fails."),
  contextTokens: z
    .int()
    .min(1)
    .max(100_000_000)
    .optional()
    .describe(
      "Tokens that its model takes, question and answer together. If a request is surely too long, or the provider refuses it as too long, a provider of `fallback` is asked. That provider must take more tokens, or have no `contextTokens`. The gateway estimates the tokens of a question from below, because only the provider can count them. Default: not known.",
    ),
  retries: z
    .int()
    .min(0)
    .max(5)
    .default(0)
    .describe(
      "How often it is asked again before `fallback`. It is asked again after a failure that may pass (no connection, HTTP 5xx, 429), if it has said nothing. Without a `fallback` it is always asked once more at the end, after 1 to 4 s.",
    ),
  retryWithinMs: z
    .int()
    .min(0)
    .max(10_000)
    .default(2_000)
    .describe(
      "Longest `Retry-After` that a retry (`retries`) waits for. After a longer one, or a 429 without `Retry-After`, `fallback` is asked at once.",
    ),
  hedgeAfterMs: milliseconds
    .optional()
    .describe(
      "If this provider has not begun to answer after this time, the next provider of `fallback` is asked as well. The first of them to begin answers the run. Default: never.",
    ),
  continueFromPartial: z
    .boolean()
    .default(false)
    .describe(
      "Whether this provider continues the text of an answer that broke off (true), or begins again (false). For kind `openai` only, and servers that continue a trailing assistant message: vLLM, SGLang, DeepSeek, Kimi, Model Studio.",
    ),
  finishesWithDone: z
    .boolean()
    .optional()
    .describe(
      "Whether an answer without a finish reason is whole when `[DONE]` follows its content. If false, such an answer counts as cut. Default: true for kind `nvidia`, because some of its models never give a reason. Else false.",
    ),
  extraBody: z
    .record(z.string(), z.unknown())
    .optional()
    .describe(
      "Fields of every request to this provider. They are defaults: a client's field of the same name replaces them. `null` removes a field that the gateway sends by itself, such as `stream_options`.",
    ),
  unknownFields: z
    .enum(["pass", "refuse"])
    .optional()
    .describe(
      "Whether a client's field that is not on the list of this kind (docs/fields.md) passes. Default: `pass` for kind `openai` except OpenAI's own host, else `refuse`. If you set `pass`, clients may also use tools that run at the provider, such as `web_search`.",
    ),
  maxTokensName: z
    .enum(["max_tokens", "max_completion_tokens"])
    .optional()
    .describe(
      "The provider's name for the limit of an answer. Default: `max_completion_tokens` for OpenAI's own host. For kind `openai` otherwise the client's name, or `max_tokens` if the client gave none. For other kinds `max_tokens`.",
    ),
  wantsReasoning: z
    .boolean()
    .optional()
    .describe(
      "Whether earlier thinking of the model goes back to it, as `reasoning_content`. Default: true for kinds `tencent` and `zhipu`, and for DeepSeek's and Moonshot's own hosts. Else false.",
    ),
  simulated: z
    .boolean()
    .default(false)
    .describe("True if the provider is the simulator. Shown to operators."),
});

const targetSchema = (firstTextMs: number, fullMs: number) =>
  z
    .strictObject({
      firstTextMs: ms(firstTextMs).describe("Until the first text."),
      fullMs: ms(fullMs).describe("Until the end of the answer."),
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
      'Names that stand for several providers, such as the accounts of one vendor: {"nvidia": ["nvidia1", "nvidia2"]}. The member that is best right now answers. `auto` stands for all providers, unless it is named here.',
    ),
  defaultProvider: z
    .string()
    .optional()
    .describe(
      "The provider or group that answers if a client names none. Default: the first provider.",
    ),
  models: z
    .record(z.string().min(1).max(256), z.string())
    .default({})
    .describe(
      'Names of models that clients of the OpenAI API ask for, each with the provider or group that answers: {"gpt-4o": "auto"}. Names of providers and groups need no entry. Models that providers serve need none either.',
    ),
  hedgeBudget: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe("Largest share of all runs for which `hedgeAfterMs` asks a second provider."),
  targets: targetsSchema,
});

/** A provider as its configuration says it. */
export type WrittenProvider = z.infer<typeof providerSchema>;

/** The file as a whole, likewise. */
export type WrittenConfig = z.infer<typeof gatewayConfigSchema>;
