import { logLevelEnvShape, parseEnv, wholeNumber } from "@openclaw/config";
import type { LogLevel } from "@openclaw/runtime";
import { z } from "zod";

export const simulatorEnvSchema = z.object({
  SIMULATOR_HOST: z.string().default("127.0.0.1").describe("Address to listen on."),
  SIMULATOR_PORT: wholeNumber({ min: 0, max: 65_535, default: 8009 }).describe(
    "Port to listen on. 0 takes any free one, which is logged and told to a parent over IPC.",
  ),
  ...logLevelEnvShape,
});

export interface SimulatorConfig {
  readonly host: string;
  readonly port: number;
  readonly logLevel: LogLevel;
  /** Variables under our own prefix that nothing reads: probably typos. */
  readonly unknown: readonly string[];
}

/** @throws ConfigError naming every bad variable at once */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): SimulatorConfig {
  const { values, unknown } = parseEnv(simulatorEnvSchema, { env, prefix: "SIMULATOR_" });
  return {
    host: values.SIMULATOR_HOST,
    port: values.SIMULATOR_PORT,
    logLevel: values.LOG_LEVEL,
    unknown,
  };
}
