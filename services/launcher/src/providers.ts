/** Decides which providers this cluster talks to, and whether they are real. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type GatewayConfig,
  gatewayConfigPath,
  keyVariable,
  loadGatewayConfig,
  SHIPPED_DEFAULT_PROVIDER,
  SHIPPED_PROVIDERS,
  type ShippedProviderName,
  simulatedConfig,
} from "@openclaw/config";

export interface ProviderPlan {
  /** Nobody gave a key or a file: the simulator stands in for all of them. */
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

export interface ShownProvider {
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
    return { simulated: true, file, leftOut: [], shown: NAMES.map(showSimulated), groups: [] };
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

function showSimulated(name: ShippedProviderName): ShownProvider {
  const { model } = SHIPPED_PROVIDERS[name];
  return { name, model, simulated: true, isDefault: name === SHIPPED_DEFAULT_PROVIDER };
}

function show({ providers, defaultProvider }: GatewayConfig): readonly ShownProvider[] {
  return Object.entries(providers).map(([name, { model, simulated }]) => ({
    name,
    model,
    simulated,
    isDefault: name === defaultProvider,
  }));
}

/** `auto` is everywhere: worth a line only where somebody made something of it. */
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
