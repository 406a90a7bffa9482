import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type GatewayConfig, parseGatewayConfig } from "./gateway-config.ts";
import { parseJson } from "./parse-json.ts";
import { ConfigError } from "./problem.ts";
import {
  keyVariable,
  SHIPPED_PROVIDERS,
  type ShippedProviderName,
  shippedConfig,
} from "./shipped-providers.ts";

const DEFAULT_FILE = "gateway.config.json";

/**
 * Finds where the configuration comes from: `GATEWAY_CONFIG`, else `gateway.config.json` in the
 * working directory, else nothing (the shipped providers with a key in the environment).
 */
export function gatewayConfigPath(env: NodeJS.ProcessEnv): string | undefined {
  if (env.GATEWAY_CONFIG) return resolve(env.GATEWAY_CONFIG);
  return existsSync(DEFAULT_FILE) ? resolve(DEFAULT_FILE) : undefined;
}

/**
 * Loads the configuration of this process.
 *
 * @param path of its file, found by `gatewayConfigPath`; undefined for the shipped providers
 * @throws ConfigError with every problem found
 */
export function loadGatewayConfig(
  env: NodeJS.ProcessEnv,
  path: string | undefined = gatewayConfigPath(env),
): GatewayConfig {
  if (path !== undefined) return parseGatewayConfig(readJson(path), { source: path, env });
  const input = shippedConfig(env);
  if (Object.keys(input.providers as object).length === 0) {
    const variables = (Object.keys(SHIPPED_PROVIDERS) as ShippedProviderName[]).map(keyVariable);
    throw new ConfigError("The configuration", [
      `no provider: point GATEWAY_CONFIG at a file, or set one of ${variables.join(", ")}`,
    ]);
  }
  return parseGatewayConfig(input, { source: "The shipped configuration", env });
}

function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new ConfigError(path, [
      `the file cannot be read (${(cause as NodeJS.ErrnoException).code})`,
    ]);
  }
  return parseJson(text, path);
}
