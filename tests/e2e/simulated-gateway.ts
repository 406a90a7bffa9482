import {
  createSimulator,
  type ProfileTable,
  type Simulator,
  type SimulatorOptions,
} from "@openclaw/simulator";

/** A simulator in this process, and the gateway configuration that points at it. */
export async function startSimulator(
  profiles?: ProfileTable,
  options: Pick<SimulatorOptions, "onChat" | "onOver"> = {},
): Promise<Simulator> {
  const simulator = createSimulator({ port: 0, ...(profiles && { profiles }), ...options });
  await simulator.start();
  return simulator;
}

const SHIPPED = {
  nvidia1: { kind: "nvidia", region: "overseas" },
  nvidia2: { kind: "nvidia", region: "overseas" },
  zhipu: { kind: "zhipu", region: "domestic" },
  hunyuan: { kind: "tencent", region: "domestic" },
} as const;

export type ShippedName = keyof typeof SHIPPED;
export const SHIPPED_NAMES = Object.keys(SHIPPED) as ShippedName[];

/** Every shipped provider, served by the simulator. `extra` is merged into each. */
export function simulatedGateway(simulatorUrl: string, extra: Record<string, unknown> = {}) {
  return {
    providers: Object.fromEntries(
      Object.entries(SHIPPED).map(([name, provider]) => [
        name,
        {
          ...provider,
          baseUrl: `${simulatorUrl}/${name}/v1`,
          apiKey: "simulated",
          model: "test-model",
          maxConcurrency: 1_000,
          simulated: true,
          ...extra,
        },
      ]),
    ),
    defaultProvider: "nvidia2",
  };
}
