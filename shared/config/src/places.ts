/** How many runs of a provider may be at work at once, and which setting says so. */
import type { ProviderConfig } from "./gateway-config.ts";

/** `WORKER_CONCURRENCY`: far more than one core carries, so that accounts decide and not this. */
export const DEFAULT_WORKER_CONCURRENCY = 5_000;
export const MOST_WORKER_CONCURRENCY = 10_000;

const SETTINGS = ["maxConcurrency", "pool.connections", "WORKER_CONCURRENCY"] as const;

/** A setting that bounds the runs of a provider at once. */
export type PlacesBound = (typeof SETTINGS)[number];

/** What a provider's configuration says of it. */
export interface BoundProvider extends Pick<ProviderConfig, "maxConcurrency"> {
  readonly pool: Pick<ProviderConfig["pool"], "connections">;
}

/** What one worker has for the runs of one provider. */
export interface Places {
  readonly runs: number;
  /** The lowest of the settings; `maxConcurrency` where that is one of the lowest. */
  readonly bound: PlacesBound;
}

/** A run beyond its sockets would wait in its worker for one, while another worker may have some to spare. */
export function placesOf(
  { maxConcurrency, pool }: BoundProvider,
  workerConcurrency: number,
): Places {
  const values = [maxConcurrency, pool.connections, workerConcurrency];
  const runs = Math.min(...values);
  return { runs, bound: SETTINGS[values.indexOf(runs)] ?? "maxConcurrency" };
}

/** What all workers together have for the runs of one provider. */
export interface ClusterPlaces {
  readonly workers: number;
  /** Of all workers; may be more than the account takes. */
  readonly runs: number;
  /** What bounds the runs at once: the account alone, or the settings that leave it fewer places than it takes. */
  readonly bounds: readonly PlacesBound[];
}

/** @param workers what each worker that serves the provider has */
export function clusterPlaces(maxConcurrency: number, workers: readonly Places[]): ClusterPlaces {
  const runs = workers.reduce((sum, one) => sum + one.runs, 0);
  const isEnough = runs >= maxConcurrency;
  const bounds = isEnough ? [] : [...new Set(workers.map(({ bound }) => bound))];
  return { workers: workers.length, runs, bounds: isEnough ? ["maxConcurrency"] : bounds };
}

/** The message to the operator for an account with fewer places than it takes; undefined where it has enough. */
export function placesNote(
  provider: string,
  maxConcurrency: number,
  { workers, runs, bounds }: ClusterPlaces,
): string | undefined {
  if (runs >= maxConcurrency) return undefined;
  const have = workers === 1 ? "1 worker has" : `${workers} workers have`;
  const raise = workers === 0 ? "" : `raise ${bounds.join(" and ")}, or `;
  return `${provider}: ${have} places for ${runs} runs at once of maxConcurrency ${maxConcurrency}; ${raise}add workers`;
}
