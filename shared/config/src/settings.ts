import type { z } from "zod";
import { parseEnv } from "./env.ts";
import { assertKeysWhole } from "./keys-file.ts";
import { LiveGatewayConfig } from "./live-gateway-config.ts";

/** Everything one process is told from outside. */
export interface Settings<Config> {
  readonly config: Config;
  readonly gateway: LiveGatewayConfig;
  /** Variables under the service's prefix that nothing reads: probably typos. */
  readonly unknown: readonly string[];
}

/**
 * Reads a service's environment and the gateway's configuration.
 *
 * @param prefix of the service's own variables, such as `EDGE_`
 * @throws ConfigError with every problem of whichever is wrong first
 */
export function readSettings<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  { env, prefix }: { env: NodeJS.ProcessEnv; prefix: string },
): Settings<z.infer<z.ZodObject<Shape>>> {
  const { values, unknown } = parseEnv(schema, { env, prefix });
  assertKeysWhole(env);
  return { config: values, gateway: new LiveGatewayConfig(env), unknown };
}
