/**
 * The gateway's own configuration: which providers there are and what is promised of them.
 *
 * It is data, shared by edges and workers, and says nothing about ports or processes
 * (those are environment variables, see `env.ts`).
 */
import { z } from "zod";
import { continuationProblem } from "./continuation.ts";
import { isPlaceholder, PLACEHOLDER_RULE } from "./placeholder.ts";
import { ConfigError } from "./problem.ts";
import { NO_PROXY_AT_ALL, PROXY_RULE, parseProxy, proxyOf, proxyProblems } from "./proxy.ts";

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

/** The group that every configuration has. */
const EVERYBODY = "auto";
const PROVIDER_NAME = /^[a-z][a-z0-9-]{0,31}$/;
const NAME_RULE = "a name must be 1 to 32 of a-z 0-9 -, beginning with a letter";

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

type WrittenProvider = z.infer<typeof providerSchema>;

/** In a parsed configuration `proxy` is what counts for it: a URL, with the environment heeded; undefined for none. */
export interface ProviderConfig extends WrittenProvider {
  readonly pool: Required<WrittenProvider["pool"]>;
}
export type ProviderKind = ProviderConfig["kind"];
export type ProviderTimeouts = ProviderConfig["timeouts"];
export type Targets = z.infer<typeof targetsSchema>;
export type Target = Targets["domestic"];

export interface GatewayConfig {
  readonly providers: Readonly<Record<string, ProviderConfig>>;
  /** Members of each group, `auto` among them; each is one of `providers`. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Always one of `providers` or `groups`. */
  readonly defaultProvider: string;
  /** What clients call a model, and the provider or group that stands for it. */
  readonly models: Readonly<Record<string, string>>;
  readonly hedgeBudget: number;
  readonly targets: Targets;
}

/**
 * Turns parsed JSON into a configuration. `${NAME}` inside any string is replaced from `env`.
 *
 * @param source how the input is named in errors, usually the file's path
 * @throws ConfigError listing every problem with its path; no value of a secret is in it
 */
export function parseGatewayConfig(
  input: unknown,
  { source, env }: { source: string; env: NodeJS.ProcessEnv },
): GatewayConfig {
  const unresolved: Problem[] = [];
  const expanded = expand(input, { env, path: [], problems: unresolved });
  const parsed = gatewayConfigSchema.safeParse(expanded);
  const problems = unresolved.map(describe);
  if (!parsed.success) {
    // Where a variable is missing, what the schema thinks of its placeholder is of no interest.
    const known = new Set(unresolved.map(({ path }) => path.join(".")));
    const invalid = parsed.error.issues.filter(({ path }) => !known.has(path.join(".")));
    problems.push(...invalid.map(describe));
  }
  problems.push(...crossCheck(expanded).map(describe));
  problems.push(...proxyProblems(env));
  if (problems.length > 0 || !parsed.success) throw new ConfigError(source, problems);
  const { providers, groups, defaultProvider, ...others } = parsed.data;
  const names = Object.keys(providers);
  return {
    ...others,
    providers: mapped(providers, (provider) => inForce(provider, env)),
    groups: { [EVERYBODY]: names, ...groups },
    defaultProvider: defaultProvider ?? names[0] ?? "",
  };
}

/** What counts for a provider where it is left to the environment, or to its other fields. */
function inForce(provider: WrittenProvider, env: NodeJS.ProcessEnv): ProviderConfig {
  const { pool, maxConcurrency } = provider;
  const { connections = maxConcurrency } = pool;
  return { ...provider, pool: { ...pool, connections }, proxy: proxyOf(provider, env) };
}

function mapped<From, To>(
  entries: Readonly<Record<string, From>>,
  change: (one: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(entries).map(([name, one]) => [name, change(one)]));
}

interface Expansion {
  readonly env: NodeJS.ProcessEnv;
  readonly path: readonly string[];
  readonly problems: Problem[];
}

function expand(value: unknown, at: Expansion): unknown {
  if (typeof value === "string") return expandString(value, at);
  if (Array.isArray(value)) {
    return value.map((item, index) => expand(item, { ...at, path: [...at.path, String(index)] }));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      expand(item, { ...at, path: [...at.path, key] }),
    ]),
  );
}

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** The environment variables that a text of the file refers to, as `${NAME}`. */
export function variablesOf(text: string): readonly string[] {
  return [...text.matchAll(VARIABLE)].map(([, name = ""]) => name);
}

function expandString(value: string, { env, path, problems }: Expansion): string {
  return value.replace(VARIABLE, (whole, name: string) => {
    const found = env[name];
    if (found) return found;
    problems.push({ path, message: `the environment variable ${name} is not set` });
    return whole;
  });
}

/** What one part of a file says of another; checked even where the parts themselves are wrong. */
function crossCheck(input: unknown): Problem[] {
  const { providers, groups, defaultProvider, models } = fieldsOf(input);
  const names = Object.keys(fieldsOf(providers));
  const answers = [...names, EVERYBODY, ...Object.keys(fieldsOf(groups))];
  const problems: Problem[] = [];
  if (names.length === 0 && providers !== undefined) {
    problems.push({ path: ["providers"], message: "must name at least one provider" });
  }
  const named = [
    { path: ["defaultProvider"], name: defaultProvider },
    ...Object.entries(fieldsOf(models)).map(([model, name]) => ({ path: ["models", model], name })),
  ];
  for (const { path, name } of named) {
    if (typeof name !== "string" || answers.includes(name)) continue;
    const message = `"${name}" is no provider and no group; there are: ${answers.join(", ")}`;
    problems.push({ path, message });
  }
  return [
    ...problems,
    ...Object.entries(fieldsOf(groups)).flatMap(([group, members]) =>
      groupProblems(group, { members, names }),
    ),
    ...names.flatMap((name) => providerProblems(name, { providers, names })),
  ];
}

function groupProblems(
  group: string,
  { members, names }: { members: unknown; names: readonly string[] },
): Problem[] {
  const path = ["groups", group];
  const strangers = (Array.isArray(members) ? members : []).filter(
    (member) => !names.includes(member),
  );
  return [
    ...(PROVIDER_NAME.test(group) ? [] : [NAME_RULE]),
    ...(names.includes(group) ? ["is the name of a provider"] : []),
    ...strangers.map((member) => `"${member}" is no provider; there are: ${names.join(", ")}`),
  ].map((message) => ({ path, message }));
}

function providerProblems(
  name: string,
  { providers, names }: { providers: unknown; names: readonly string[] },
): Problem[] {
  const path = ["providers", name];
  const { fallback, continueFromPartial, kind, baseUrl, extraBody } = fieldsOf(
    fieldsOf(providers)[name],
  );
  const problems: Problem[] = [];
  if (name === EVERYBODY) {
    problems.push({ path, message: `"${EVERYBODY}" stands for all providers and cannot be one` });
  }
  if (!PROVIDER_NAME.test(name)) problems.push({ path, message: NAME_RULE });
  const problem = continueFromPartial === true && continuationProblem({ kind, baseUrl });
  if (problem) problems.push({ path: [...path, "continueFromPartial"], message: problem });
  problems.push(...extraBodyProblems([...path, "extraBody"], extraBody));
  for (const other of Array.isArray(fallback) ? fallback : []) {
    if (other !== name && names.includes(other)) continue;
    const message = `"${other}" is no other provider; there are: ${names.join(", ")}`;
    problems.push({ path: [...path, "fallback"], message });
  }
  return problems;
}

/** What the gateway relies upon in a request, and has settings or code of its own for. */
const OWN_FIELDS: readonly string[] = [
  ...["model", "messages", "stream", "n", "tools", "tool_choice", "functions", "function_call"],
  ...["best_of", "num_return_sequences", "n_cmpl", "logprobs", "top_logprobs"],
  ...["modalities", "audio"],
];

function extraBodyProblems(path: readonly string[], extraBody: unknown): Problem[] {
  return Object.keys(fieldsOf(extraBody))
    .filter((name) => OWN_FIELDS.includes(name))
    .map((name) => ({ path: [...path, name], message: "is the gateway's own to set" }));
}

/** What may be looked at in something that was not checked: its fields, none where it has none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function describe({ path, message }: Problem): string {
  const sentence = message.endsWith("received undefined") ? "is missing" : message;
  return path.length === 0 ? sentence : `${path.map(String).join(".")}: ${sentence}`;
}
