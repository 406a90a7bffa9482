/**
 * Environment variables of one service, parsed once in its `config.ts`.
 */
import type { z } from "zod";
import { ConfigError } from "./problem.ts";

/** Prefixes that are ours: a variable under one of them that no schema knows is probably a typo. */
const OUR_PREFIXES = ["EDGE_", "WORKER_", "GATEWAY_", "SIMULATOR_"];

export interface ParsedEnv<T> {
  readonly values: T;
  /** Names under our prefixes that no service reads; worth a warning, not a refusal. */
  readonly unknown: readonly string[];
}

/**
 * Checks `env` against a schema whose keys are variable names. Empty strings count as not set,
 * as compose files and shells produce them.
 *
 * @param alsoKnown variables under our prefixes that another part of the system reads
 * @throws ConfigError naming every bad variable at once, never its value
 */
export function parseEnv<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  env: NodeJS.ProcessEnv,
  alsoKnown: readonly string[] = [],
): ParsedEnv<z.infer<z.ZodObject<Shape>>> {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    throw new ConfigError(
      "The environment",
      parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`),
    );
  }
  const known = new Set([...Object.keys(schema.shape), "GATEWAY_CONFIG", ...alsoKnown]);
  const unknown = Object.keys(set).filter(
    (name) => OUR_PREFIXES.some((prefix) => name.startsWith(prefix)) && !known.has(name),
  );
  return { values: parsed.data, unknown };
}
