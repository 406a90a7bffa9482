import { createLogger, runService } from "@openclaw/runtime";
import { readEdgeSettings } from "./config.ts";
import { createEdge } from "./edge.ts";

try {
  const { config, gateway, unknown } = readEdgeSettings();
  const log = createLogger({ service: "edge", level: config.LOG_LEVEL });
  for (const variable of unknown) log.warn({ variable }, "unknown environment variable");
  const parts = createEdge(config, gateway, log);
  await runService({ log, parts, drainMs: config.EDGE_DRAIN_MS });
} catch (error) {
  // Configuration errors and a missing Redis are the operator's to read, not a stack trace.
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
