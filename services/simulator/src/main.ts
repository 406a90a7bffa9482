import { ConfigError } from "@openclaw/config";
import { type Component, createLogger, runService } from "@openclaw/runtime";
import { loadConfig, type SimulatorConfig } from "./config.ts";
import { createSimulator } from "./simulator.ts";

const { host, port, faults, tls, logLevel, unknown } = configOrExit();
const log = createLogger({ service: "simulator", level: logLevel });
if (unknown.length > 0) log.warn({ unknown }, "unknown environment variables");
const simulator = createSimulator({ host, port, faults, log, ...(tls && { tls }) });

/** Comes after the simulator, so a parent learns the port, which may have been 0, before `ready`. */
const announcement: Component = {
  name: "announcement",
  start: async () =>
    void process.send?.({ type: "listening", url: simulator.url, tlsUrl: simulator.tlsUrl }),
  stop: async () => undefined,
};

// The simulator has nothing to drain: its streams may be stalled on purpose, for ever.
await runService({ log, components: [simulator, announcement], drainMs: 0 });

function configOrExit(): SimulatorConfig {
  try {
    return loadConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}
