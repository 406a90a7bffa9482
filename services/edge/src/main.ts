import { createLogger, runService } from "@openclaw/runtime";
import { readEdgeSettings } from "./config.ts";

try {
  // Loaded here, because the operator must also read why its server cannot be loaded.
  const { createEdge } = await import("./edge.ts");
  const { config, gateway, unknown } = readEdgeSettings();
  const log = createLogger({ service: "edge", level: config.LOG_LEVEL });
  for (const variable of unknown) log.warn({ variable }, "unknown environment variable");
  const parts = createEdge(config, gateway, log);
  await runService({ log, components: parts, drainMs: config.EDGE_DRAIN_MS });
} catch (error) {
  // For configuration errors, a missing Redis and an unfit machine, the operator needs the message and no stack
  // trace.
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
