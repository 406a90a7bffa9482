import { ConfigError, logLevelEnvShape, parseEnv, wholeNumber } from "@openclaw/config";
import type { LogLevel } from "@openclaw/runtime";
import { z } from "zod";
import { type FaultOptions, parseFaults } from "./faults/fault-settings.ts";
import { PROFILES } from "./profiles/profiles.ts";

export const simulatorEnvSchema = z.object({
  SIMULATOR_HOST: z.string().default("127.0.0.1").describe("Address to listen on."),
  SIMULATOR_PORT: wholeNumber({ min: 0, max: 65_535, default: 8009 }).describe(
    "Port to listen on. 0 takes any free one, which is logged and told to a parent over IPC.",
  ),
  SIMULATOR_FAULTS: z
    .string()
    .default("{}")
    .describe("Faults from the start, as JSON; see [simulator.md](simulator.md)."),
  ...logLevelEnvShape,
});

export interface SimulatorConfig {
  readonly host: string;
  readonly port: number;
  readonly faults: FaultOptions;
  readonly logLevel: LogLevel;
  /** Variables under our own prefix that nothing reads: probably typos. */
  readonly unknown: readonly string[];
}

/** @throws ConfigError naming every bad variable at once */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): SimulatorConfig {
  const { values, unknown } = parseEnv(simulatorEnvSchema, { env, prefix: "SIMULATOR_" });
  const faults = parseFaults(values.SIMULATOR_FAULTS, Object.keys(PROFILES));
  if (!faults.ok) {
    throw new ConfigError(
      "The environment",
      faults.problems.map((problem) => `SIMULATOR_FAULTS: ${problem}`),
    );
  }
  return {
    host: values.SIMULATOR_HOST,
    port: values.SIMULATOR_PORT,
    faults: faults.settings,
    logLevel: values.LOG_LEVEL,
    unknown,
  };
}
