import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { variablesOf } from "./config-variables.ts";
import { fieldsOf } from "./field-problem.ts";
import { type GatewayConfig, parseGatewayConfig } from "./gateway-config.ts";
import { parseJson } from "./parse-json.ts";
import { ConfigError } from "./problem.ts";
import {
  keyVariable,
  SHIPPED_PROVIDERS,
  type ShippedProviderName,
  shippedConfig,
  simulatedConfig,
} from "./shipped-providers.ts";

/** Read from the working directory where `GATEWAY_CONFIG` names no other. */
export const DEFAULT_FILE = "gateway.config.json";

/**
 * Finds where the configuration comes from: `GATEWAY_CONFIG`, else `gateway.config.json` in the
 * working directory, else nothing (the shipped providers with a key in the environment, or, where none
 * has one, the simulator at `GATEWAY_SIMULATOR_URL`).
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
  const { input, source } = readInput(env, path);
  return parseGatewayConfig(input, { source, env });
}

/**
 * Names the environment variables that the key of each provider comes from, so that whoever has to
 * mend a key can be told where it is. Empty for a key that stands in the file, and for no key.
 *
 * @throws ConfigError where there is no configuration, or none that can be read
 */
export function keyVariables(env: NodeJS.ProcessEnv): ReadonlyMap<string, readonly string[]> {
  const { providers } = fieldsOf(readInput(env, gatewayConfigPath(env)).input);
  return new Map(
    Object.entries(fieldsOf(providers)).map(([name, provider]) => {
      const { apiKey } = fieldsOf(provider);
      return [name, typeof apiKey === "string" ? variablesOf(apiKey) : []];
    }),
  );
}

interface Input {
  readonly input: unknown;
  /** As errors name it. */
  readonly source: string;
}

function readInput(env: NodeJS.ProcessEnv, path: string | undefined): Input {
  if (path !== undefined) return { input: readJson(path), source: path };
  const input = shippedConfig(env);
  if (Object.keys(fieldsOf(input.providers)).length === 0) {
    const simulator = env.GATEWAY_SIMULATOR_URL;
    if (simulator) {
      return { input: simulatedConfig(simulator), source: "The simulated configuration" };
    }
    const variables = (Object.keys(SHIPPED_PROVIDERS) as ShippedProviderName[]).map(keyVariable);
    throw new ConfigError("The configuration", [
      `no provider: point GATEWAY_CONFIG at a file, or set one of ${variables.join(", ")}`,
    ]);
  }
  return { input, source: "The shipped configuration" };
}

function readJson(path: string): unknown {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new ConfigError(path, [
      `the file cannot be read (${(cause as NodeJS.ErrnoException).code})`,
    ]);
  }
  return parseJson(textOf(bytes, path), path);
}

const UTF16_MARKS = ["fffe", "feff"];

/** Editors and shells of Windows put a byte order mark first, and some of them write UTF-16 behind it. */
function textOf(bytes: Buffer, path: string): string {
  if (UTF16_MARKS.includes(bytes.toString("hex", 0, 2))) {
    throw new ConfigError(path, ["the file is UTF-16: save it as UTF-8"]);
  }
  return new TextDecoder("utf-8").decode(bytes); // which leaves the mark out
}
