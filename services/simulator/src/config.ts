import { ConfigError, logLevelEnvShape, parseEnv, wholeNumber } from "@openclaw/config";
import type { LogLevel } from "@openclaw/runtime";
import { z } from "zod";
import { type FaultOptions, parseFaults } from "./faults/fault-settings.ts";
import { PROFILES } from "./profiles/profiles.ts";
import type { TlsSettings } from "./tls/tls-listener.ts";

const port = z.coerce
  .number({ error: "must be a whole number from 0 to 65535" })
  .int()
  .min(0)
  .max(65_535);

export const simulatorEnvSchema = z.object({
  SIMULATOR_HOST: z.string().default("127.0.0.1").describe("Address to listen on."),
  SIMULATOR_PORT: wholeNumber({ min: 0, max: 65_535, default: 8009 }).describe(
    "Port to listen on. 0 takes any free port, which is logged and sent to a parent process over IPC.",
  ),
  SIMULATOR_FAULTS: z
    .string()
    .default("{}")
    .describe("Faults from the start, as JSON. See [simulator.md](simulator.md)."),
  SIMULATOR_TLS_PORT: port
    .optional()
    .describe("A second port, for TLS. 0 takes any free port. Not set: no TLS."),
  SIMULATOR_TLS_CERT_FILE: z
    .string()
    .optional()
    .describe(
      "File to which its certificate is written at the start, for `NODE_EXTRA_CA_CERTS` of workers.",
    ),
  SIMULATOR_HANDSHAKE_MS: wholeNumber({ min: 0, max: 60_000, default: 0 }).describe(
    "Delay of each new TLS connection before its handshake.",
  ),
  SIMULATOR_HTTP2: z
    .enum(["true", "false"])
    .default("false")
    .describe("Whether the TLS port offers HTTP/2 first, then HTTP/1.1."),
  ...logLevelEnvShape,
});

export interface SimulatorConfig {
  readonly host: string;
  readonly port: number;
  readonly faults: FaultOptions;
  readonly tls: TlsSettings | undefined;
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
    tls: tlsOf(values),
    logLevel: values.LOG_LEVEL,
    unknown,
  };
}

function tlsOf(values: z.infer<typeof simulatorEnvSchema>): TlsSettings | undefined {
  if (values.SIMULATOR_TLS_PORT === undefined) return undefined;
  return {
    port: values.SIMULATOR_TLS_PORT,
    certFile: values.SIMULATOR_TLS_CERT_FILE,
    handshakeMs: values.SIMULATOR_HANDSHAKE_MS,
    http2: values.SIMULATOR_HTTP2 === "true",
  };
}
