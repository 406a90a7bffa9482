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
    "Most runs at once of each provider in this process. Where all workers together have fewer places than the account takes, `/health` has a note.",
  ),
  WORKER_MAX_ATTEMPTS: wholeNumber({ min: 1, max: 10, default: 2 }).describe(
    "Most attempts of one run, over all workers, not counting providers that failed before they said anything, workers that left and workers that were lost.",
  ),
  WORKER_MAX_LOST: wholeNumber({ min: 1, max: 100, default: 5 }).describe(
    "Most workers that may be lost while they work on one run, also by losing touch with Redis. Then the run fails and is named in the log: it may be what ends them.",
  ),
  WORKER_CIRCUIT_FAILURES: wholeNumber({ min: 2, max: 1_000, default: 5 }).describe(
    "Failures, of at most twice as many attempts in a row, after which no run is spent on a provider until it answers again.",
  ),
  WORKER_ADMIN_HOST: adminEnv.host,
  WORKER_ADMIN_PORT: adminEnv.port,
  WORKER_DRAIN_MS: wholeNumber({ min: 0, max: 3_600_000, default: 130_000 }).describe(
    "How long runs at work may go on after SIGTERM. Another worker begins those anew that have not ended by then. Set it above the `totalMs` of each provider, and the grace of the platform above it.",
  ),
  WORKER_BUILD: z
    .string()
    .max(64)
    .optional()
    .describe(
      "Names the code that this worker runs; by default a hash of it. Once a worker of one build is told to leave, no worker of that build takes new runs, while there are workers of another.",
    ),
  WORKER_LEAVE_MS: wholeNumber({ min: 1_000, max: 600_000, default: 60_000 }).describe(
    "How long the queue of a removed provider must have been empty before it is left. Longer than edges take to read the same change.",
  ),
});

export type WorkerConfig = z.infer<typeof workerEnvSchema>;

/** Reads everything this process is told from outside. @throws ConfigError with every problem */
export function readWorkerSettings(env: NodeJS.ProcessEnv = process.env): Settings<WorkerConfig> {
  return readSettings(workerEnvSchema, { env, prefix: "WORKER_" });
}
