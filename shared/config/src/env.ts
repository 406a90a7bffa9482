/**
 * Environment variables of one service, parsed once in its `config.ts`.
 */
import { parseRedisUrl } from "@openclaw/runtime";
import { z } from "zod";
import { hasPlaceholder, PLACEHOLDER_RULE } from "./placeholder.ts";
import { ConfigError } from "./problem.ts";
import { tracingEnvShape } from "./tracing-env.ts";

/** A whole number from the environment. */
export function wholeNumber(limits: { min: number; max: number; default: number }) {
  return z.coerce
    .number({ error: `must be a whole number from ${limits.min} to ${limits.max}` })
    .int()
    .min(limits.min)
    .max(limits.max)
    .default(limits.default);
}

/** Where a service answers what operators ask, as `NAME_ADMIN_HOST` and `NAME_ADMIN_PORT`. */
export const adminEnv = {
  host: z
    .string()
    .default("127.0.0.1")
    .describe("Address of /metrics, /livez and /readyz. They are for operators, not for users."),
  port: z.coerce
    .number({ error: "must be a whole number from 0 to 65535" })
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe(
      "Port of /metrics, /livez and /readyz. 0 takes any free port, and the log names it. Not set: there are none.",
    ),
};

/** `LOG_LEVEL`, alike for every service. */
export const logLevelEnvShape = {
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
    .default("info")
    .describe("The lowest level that is logged."),
};

/** What edges and workers read alike; it must be the same on every node of a cluster. */
export const clusterEnvShape = {
  REDIS_URL: z
    .string()
    .refine((url) => parseRedisUrl(url) !== undefined, {
      error: "must be a redis:// or rediss:// URL, or redis+cluster://HOST:PORT,HOST:PORT",
    })
    .refine((url) => !hasPlaceholder(url), { error: `its password ${PLACEHOLDER_RULE}` })
    .default("redis://127.0.0.1:6379")
    .describe(
      "URL of Redis. `redis+cluster://:PASSWORD@HOST:PORT,HOST:PORT` names some nodes of a Redis Cluster.",
    ),
  REDIS_KEY_PREFIX: z.string().default("openclaw:").describe("Prefix of every key in Redis."),
  REDIS_PARTITIONS: wholeNumber({ min: 1, max: 1024, default: 1 }).describe(
    "Partitions of the streams: 1 for a single Redis, a few for each master of a Redis Cluster.",
  ),
  RESUME_WINDOW_MS: wholeNumber({ min: 1_000, max: 86_400_000, default: 300_000 }).describe(
    "How long an ended run can still be read.",
  ),
  ...logLevelEnvShape,
  ...tracingEnvShape,
};

export interface ParsedEnv<T> {
  readonly values: T;
  /** Names under the service's prefix that it does not read: probably typos, worth a warning. */
  readonly unknown: readonly string[];
}

/**
 * Checks `env` against a schema whose keys are variable names. Empty strings count as not set,
 * as compose files and shells produce them.
 *
 * @param prefix of the service's own variables, such as `EDGE_`
 * @throws ConfigError naming every bad variable at once, never its value
 */
export function parseEnv<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  { env, prefix }: { env: NodeJS.ProcessEnv; prefix: string },
): ParsedEnv<z.infer<z.ZodObject<Shape>>> {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    throw new ConfigError(
      "The environment",
      parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`),
    );
  }
  const unknown = Object.keys(set).filter(
    (name) => name.startsWith(prefix) && !(name in schema.shape),
  );
  return { values: parsed.data, unknown };
}
