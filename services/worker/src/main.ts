import { createLogger, runService } from "@openclaw/runtime";
import { readWorkerSettings } from "./config.ts";
import { createWorker } from "./worker.ts";

try {
  const { config, gateway, unknown } = readWorkerSettings();
  const log = createLogger({ service: "worker", level: config.LOG_LEVEL });
  for (const variable of unknown) log.warn({ variable }, "unknown environment variable");
  const parts = createWorker(config, gateway, log);
  await runService({ log, components: parts, drainMs: config.WORKER_DRAIN_MS });
} catch (error) {
  // Configuration errors and a missing Redis are the operator's to read, not a stack trace.
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
