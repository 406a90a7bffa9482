import { createLogger, runService } from "@openclaw/runtime";
import { readEdgeSettings } from "./config.ts";

try {
  // Not before: where its server cannot be loaded, the reason is for the operator as well.
  const { createEdge } = await import("./edge.ts");
  const { config, gateway, unknown } = readEdgeSettings();
  const log = createLogger({ service: "edge", level: config.LOG_LEVEL });
  for (const variable of unknown) log.warn({ variable }, "unknown environment variable");
  const parts = createEdge(config, gateway, log);
  await runService({ log, components: parts, drainMs: config.EDGE_DRAIN_MS });
} catch (error) {
  // Configuration errors, a missing Redis and an unfit machine are the operator's to read, not a stack trace.
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
