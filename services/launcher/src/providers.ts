/** Decides which providers this cluster talks to, and whether they are real. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type BoundProvider,
  type GatewayConfig,
  gatewayConfigPath,
  keyVariable,
  loadGatewayConfig,
  parseGatewayConfig,
  SHIPPED_PROVIDERS,
  type ShippedProviderName,
  simulatedConfig,
} from "@openclaw/config";

export interface ProviderPlan {
  /** Without a key and a file the simulator stands in for all providers. */
  readonly simulated: boolean;
  /** The user's own configuration file. */
  readonly file: string | undefined;
  readonly shown: readonly ShownProvider[];
  /** The user's own groups, and the default where it is one. */
  readonly groups: readonly ShownGroup[];
  /** Shipped providers that have no key, with the variable that would hold it. */
  readonly leftOut: readonly { readonly name: string; readonly variable: string }[];
}

export interface ShownGroup {
  readonly name: string;
  readonly members: readonly string[];
  readonly isDefault: boolean;
}

export interface ShownProvider extends BoundProvider {
  readonly name: string;
  readonly model: string;
  readonly simulated: boolean;
  readonly isDefault: boolean;
}

const NAMES = Object.keys(SHIPPED_PROVIDERS) as ShippedProviderName[]; // its keys, by its type

/** @throws ConfigError with every problem of the user's file */
export function planProviders(env: NodeJS.ProcessEnv): ProviderPlan {
  const file = gatewayConfigPath(env);
  const missing = NAMES.filter((name) => !env[keyVariable(name)]);
  if (file === undefined && missing.length === NAMES.length) {
    // Where the simulator will listen is of no interest here.
    const simulated = simulatedConfig("http://127.0.0.1");
    const shown = show(parseGatewayConfig(simulated, { source: "the simulator", env: {} }));
    return { simulated: true, file, leftOut: [], shown, groups: [] };
  }
  const config = loadGatewayConfig(env);
  return {
    simulated: false,
    file,
    shown: show(config),
    groups: showGroups(config),
    leftOut:
      file === undefined ? missing.map((name) => ({ name, variable: keyVariable(name) })) : [],
  };
}

function show({ providers, defaultProvider }: GatewayConfig): readonly ShownProvider[] {
  return Object.entries(providers).map(([name, { model, simulated, maxConcurrency, pool }]) => ({
    name,
    model,
    simulated,
    isDefault: name === defaultProvider,
    maxConcurrency,
    pool: { connections: pool.connections },
  }));
}

/** Every configuration has `auto`: it is worth a line only where it is configured. */
function showGroups({ providers, groups, defaultProvider }: GatewayConfig): ShownGroup[] {
  const all = Object.keys(providers).join();
  return Object.entries(groups)
    .map(([name, members]) => ({ name, members, isDefault: name === defaultProvider }))
    .filter(({ members, isDefault }) => isDefault || members.join() !== all);
}

/**
 * Writes the configuration in which every shipped provider is the simulator at `simulatorUrl`.
 *
 * @returns its path, for `GATEWAY_CONFIG`
 */
export async function writeSimulatedConfig(
  directory: string,
  simulatorUrl: string,
): Promise<string> {
  const path = join(directory, "gateway.config.json");
  await writeFile(path, `${JSON.stringify(simulatedConfig(simulatorUrl), undefined, 2)}\n`, {
    mode: 0o600,
  });
  return path;
}
