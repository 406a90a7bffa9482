import { loadGatewayConfig } from "@openclaw/config";
import { createLogger, runService } from "@openclaw/runtime";
import { readEdgeConfig } from "./config.ts";
import { createEdge } from "./edge.ts";

try {
  const { values: config, unknown } = readEdgeConfig(process.env);
  const gateway = loadGatewayConfig(process.env);
  const log = createLogger({ service: "edge", level: config.LOG_LEVEL });
  for (const variable of unknown) log.warn({ variable }, "unknown environment variable");
  const parts = createEdge(config, gateway, log);
  await runService({ log, parts, drainMs: config.EDGE_DRAIN_MS });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
