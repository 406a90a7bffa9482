import { loadGatewayConfig } from "@openclaw/config";
import { createLogger, runService } from "@openclaw/runtime";
import { readWorkerConfig } from "./config.ts";
import { createWorker } from "./worker.ts";

try {
  const { values: config, unknown } = readWorkerConfig(process.env);
  const gateway = loadGatewayConfig(process.env);
  const log = createLogger({ service: "worker", level: config.LOG_LEVEL });
  for (const variable of unknown) log.warn({ variable }, "unknown environment variable");
  const parts = createWorker(config, gateway, log);
  await runService({ log, parts, drainMs: config.WORKER_DRAIN_MS });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
