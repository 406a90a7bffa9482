/**
 * The gateway's own configuration: which providers there are and what is promised of them.
 *
 * It is data, shared by edges and workers, and says nothing about ports or processes
 * (those are environment variables, see `env.ts`).
 */
import { expand } from "./config-variables.ts";
import { crossCheck, EVERYBODY } from "./cross-check.ts";
import { describe, type FieldProblem } from "./field-problem.ts";
import { gatewayConfigSchema, type WrittenConfig, type WrittenProvider } from "./gateway-schema.ts";
import { ConfigError } from "./problem.ts";
import { proxyOf, proxyProblems } from "./proxy.ts";

/** In a parsed configuration `proxy` is what counts for it: a URL, with the environment heeded; undefined for none. */
export interface ProviderConfig extends WrittenProvider {
  readonly pool: Required<WrittenProvider["pool"]>;
}
export type ProviderKind = ProviderConfig["kind"];
export type ProviderTimeouts = ProviderConfig["timeouts"];
export type Targets = WrittenConfig["targets"];
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
  const unresolved: FieldProblem[] = [];
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
