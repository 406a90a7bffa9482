/** The providers to check. */
import {
  assertKeysWhole,
  DEFAULT_FILE,
  gatewayConfigPath,
  keyVariables,
  loadGatewayConfig,
  starterVariables,
  type Targets,
} from "@openclaw/config";
import type { Subject } from "./advice.ts";
import { UsageError } from "./config.ts";

export interface Subjects {
  readonly subjects: readonly Subject[];
  readonly targets: Targets;
  /** The origin of the configuration, for people. */
  readonly source: string;
}

/**
 * Loads the configuration as a worker does.
 *
 * @param only names of providers and groups; if empty, all providers
 * @throws ConfigError with every problem of the configuration; UsageError for unknown names, and if there is nothing to
 *   check
 */
export function chooseSubjects(only: readonly string[], env: NodeJS.ProcessEnv): Subjects {
  assertKeysWhole(env);
  const path = gatewayConfigPath(env);
  const variables = starterVariables();
  if (path === undefined && variables.every((name) => !env[name])) {
    throw new UsageError([
      `There is nothing to check: no ${DEFAULT_FILE}, and no key of a shipped provider.`,
      `  Set a key:       ${variables.join(", ")}`,
      "  or write a file: npm run providers -- --init",
    ]);
  }
  const { providers, groups, targets } = loadGatewayConfig(env);
  const isKnown = (name: string) => Object.hasOwn(providers, name) || Object.hasOwn(groups, name);
  const unknown = only.filter((name) => !isKnown(name));
  if (unknown.length > 0) {
    const known = Object.keys({ ...providers, ...groups }).join(", ");
    throw new UsageError(
      unknown.map((name) => `"${name}" is no configured provider; there are: ${known}.`),
    );
  }
  const wanted = new Set(only.flatMap((name) => groups[name] ?? [name]));
  const keys = keyVariables(env);
  const subjects = Object.entries(providers)
    .filter(([name]) => only.length === 0 || wanted.has(name))
    .map(([name, config]) => ({ name, config, keyVariables: keys.get(name) ?? [] }));
  return { subjects, targets, source: path ?? "the shipped configuration" };
}
