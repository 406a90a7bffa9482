import {
  adminEnv,
  clusterEnvShape,
  DEFAULT_WORKER_CONCURRENCY,
  MOST_WORKER_CONCURRENCY,
  readSettings,
  type Settings,
  wholeNumber,
} from "@openclaw/config";
import { z } from "zod";

export const workerEnvSchema = z.object({
  ...clusterEnvShape,
  WORKER_CONCURRENCY: wholeNumber({
    min: 1,
    max: MOST_WORKER_CONCURRENCY,
    default: DEFAULT_WORKER_CONCURRENCY,
  }).describe(
    "Most runs at once of each provider in this process. If all workers together have fewer places than the account takes, `/health` has a note.",
  ),
  WORKER_MAX_ATTEMPTS: wholeNumber({ min: 1, max: 10, default: 2 }).describe(
    "Most attempts of one run, over all workers. An attempt does not count if its provider failed before any text, or if its worker left or was lost.",
  ),
  WORKER_MAX_LOST: wholeNumber({ min: 1, max: 100, default: 5 }).describe(
    "Most workers that may be lost while they work on one run. A worker that loses touch with Redis counts too. Then the run fails and the log names it, because the run itself may crash the workers.",
  ),
  WORKER_CIRCUIT_FAILURES: wholeNumber({ min: 2, max: 1_000, default: 5 }).describe(
    "Failures that open a provider's circuit, among the last attempts (twice this number). With 5, five failures of the last ten. Then no run is spent on the provider until it answers again.",
  ),
  WORKER_ADMIN_HOST: adminEnv.host,
  WORKER_ADMIN_PORT: adminEnv.port,
  WORKER_DRAIN_MS: wholeNumber({ min: 0, max: 3_600_000, default: 130_000 }).describe(
    "How long runs at work may continue after SIGTERM. The worker then releases the rest, and another worker begins them again. Set it above the `totalMs` of each provider. The grace period of the platform must be longer.",
  ),
  WORKER_BUILD: z
    .string()
    .max(64)
    .optional()
    .describe(
      "Names the code that this worker runs. Default: a hash of the code. Once a worker of one build is told to leave, its whole build takes no new runs while workers of another build take runs.",
    ),
  WORKER_LEAVE_MS: wholeNumber({ min: 1_000, max: 600_000, default: 60_000 }).describe(
    "How long the queue of a removed provider must be empty before the worker leaves it. Set it longer than edges take to read the same change.",
  ),
});

export type WorkerConfig = z.infer<typeof workerEnvSchema>;

/** Reads everything this process is told from outside. @throws ConfigError with every problem */
export function readWorkerSettings(env: NodeJS.ProcessEnv = process.env): Settings<WorkerConfig> {
  return readSettings(workerEnvSchema, { env, prefix: "WORKER_" });
}
