/** `/stats`: the whole cluster, the same from any edge. */
import {
  type ClusterPlaces,
  clusterPlaces,
  type GatewayConfig,
  type Places,
  type ProviderConfig,
  type Targets,
  targetOf,
} from "@openclaw/config";
import {
  type LatencyCounts,
  LatencyHistogram,
  type LatencySummary,
  type ProviderHealthReport,
} from "@openclaw/metrics";
import type { ConnectionLabel } from "@openclaw/protocol";
import type { QueueCounts, RunQueues } from "@openclaw/queue";
import type { NodeRegistry, NodeReport } from "@openclaw/runtime";
import type { EndedHolds } from "../telemetry/hold-times.ts";
import type { LatencyByProvider } from "../telemetry/run-stats.ts";

/** What an edge reports to the registry about itself. */
export interface EdgeDetails {
  readonly host: string;
  readonly pid: number;
  readonly connections: number;
  readonly sessions: number;
  readonly openRuns: number;
  /**
   * Bytes of prompts in Redis, of unfinished runs that began there. Absent in reports of an older version.
   */
  readonly promptBytes?: number;
  readonly latency: LatencyByProvider;
  /** How long runs of each provider had their places. Absent in reports of an older version. */
  readonly holds?: Readonly<Record<string, EndedHolds>>;
}

/** What a worker reports to the registry about itself. */
export interface WorkerDetails {
  readonly host: string;
  readonly pid: number;
  readonly activeRuns: number;
  /** The health of each provider at this worker. Absent in reports of an older version. */
  readonly providers?: Readonly<Record<string, ProviderHealthReport>>;
  /**
   * How many runs of each provider this worker takes at once. Absent in reports of an older version.
   */
  readonly places?: Readonly<Record<string, Places>>;
}

export interface ClusterStatsOptions {
  readonly gateway: GatewayConfig;
  readonly registry: NodeRegistry;
  readonly queues: RunQueues;
}

/** Prefix of the sums that workers add. */
const ATTEMPTS = "attempts:";

interface AgainstTarget extends LatencySummary {
  readonly targetMs: number;
  /** Share of runs within the target, 0 to 1. */
  readonly withinTarget: number;
}

/**
 * The places that these workers together have for runs of a provider; undefined unless every worker has reported.
 */
export function placesIn(
  workers: readonly NodeReport<WorkerDetails>[],
  provider: string,
  { maxConcurrency }: Pick<ProviderConfig, "maxConcurrency">,
): ClusterPlaces | undefined {
  if (workers.length === 0 || workers.some(({ details }) => !details.places)) return undefined;
  const places = workers.flatMap(({ details }) => details.places?.[provider] ?? []);
  return clusterPlaces(maxConcurrency, places);
}

/** Gathers the cluster's figures. @throws what Redis throws */
export async function readClusterStats({ gateway, registry, queues }: ClusterStatsOptions) {
  const [nodes, totals, counts] = await Promise.all([
    registry.nodes<EdgeDetails | WorkerDetails>(),
    registry.totals(),
    Promise.all(Object.keys(gateway.providers).map((provider) => queues.counts(provider))),
  ]);
  // Each kind of node has its own details.
  const edges = nodes.filter(({ kind }) => kind === "edge") as NodeReport<EdgeDetails>[];
  const workers = nodes.filter(({ kind }) => kind === "worker") as NodeReport<WorkerDetails>[];
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
  return {
    simulated: Object.values(gateway.providers).some(({ simulated }) => simulated),
    targets: gateway.targets,
    nodes: {
      edges: edges.map(({ id, details }) => ({ id, ...withoutHistograms(details) })),
      workers: workers.map(({ id, details }) => ({ id, ...details })),
    },
    connections: sum(edges.map(({ details }) => details.connections)),
    sessions: sum(edges.map(({ details }) => details.sessions)),
    runs: {
      waiting: sum(counts.map(({ waiting }) => waiting)),
      active: sum(counts.map(({ active }) => active)),
      finished: totals.completed ?? 0,
      failed: totals.failed ?? 0,
      cancelled: totals.cancelled ?? 0,
    },
    attempts: attemptsIn(totals),
    providers: Object.fromEntries(
      Object.entries(gateway.providers).map(([name, provider], index) => [
        name,
        describeProvider(name, provider, {
          counts: counts[index],
          places: placesIn(workers, name, provider),
          edges,
          targets: gateway.targets,
        }),
      ]),
    ),
  };
}

function withoutHistograms({ latency: _, holds: __, ...details }: EdgeDetails) {
  return details;
}

/** Attempts by their outcome. `fenced`: another worker had taken the run over. */
function attemptsIn(totals: Readonly<Record<string, number>>): Record<string, number> {
  const named = Object.entries(totals).filter(([name]) => name.startsWith(ATTEMPTS));
  const counts = named.map(([name, sum]) => [name.slice(ATTEMPTS.length), sum] as const);
  return { finished: 0, failed_over: 0, fenced: 0, ...Object.fromEntries(counts) };
}

interface ProviderFigures {
  readonly counts: QueueCounts | undefined;
  readonly places: ClusterPlaces | undefined;
  readonly edges: readonly NodeReport<EdgeDetails>[];
  readonly targets: Targets;
}

function describeProvider(
  name: string,
  { model, region, simulated, maxConcurrency }: ProviderConfig,
  { counts, places, edges, targets }: ProviderFigures,
) {
  const over = (connection: ConnectionLabel) => {
    const latencies = edges.flatMap(({ details }) => details.latency[name]?.[connection] ?? []);
    const target = targetOf(targets, region, connection);
    return {
      firstTextMs: compare(
        latencies.map(({ firstText }) => firstText),
        target.firstTextMs,
      ),
      wholeMs: compare(
        latencies.map(({ whole }) => whole),
        target.fullMs,
      ),
    };
  };
  return {
    model,
    region,
    simulated,
    maxConcurrency,
    places: places?.runs ?? null,
    bounds: places?.bounds ?? [],
    waiting: counts?.waiting ?? 0,
    active: counts?.active ?? 0,
    warm: over("warm"),
    cold: over("cold"),
  };
}

function compare(counts: readonly LatencyCounts[], targetMs: number): AgainstTarget | null {
  const histogram = new LatencyHistogram();
  for (const part of counts) histogram.merge(part);
  const summary = histogram.summary();
  if (!summary) return null;
  const withinTarget = Math.round(histogram.shareWithin(targetMs) * 1_000) / 1_000;
  return { ...summary, targetMs, withinTarget };
}
