/** Reports the state of an edge, and of the cluster as it sees it, with each scrape. */
import type { LabelValue, Metrics } from "@openclaw/metrics";
import type { ByteBudget } from "./admission/byte-budget.ts";
import type { RedisMemory } from "./admission/redis-memory.ts";
import type { ClusterView } from "./cluster/cluster-view.ts";
import type { HttpExchanges } from "./http/exchange/http-exchanges.ts";
import type { LiveRuns } from "./runs/live-runs.ts";
import type { Sessions } from "./session/sessions.ts";

export interface EdgeState {
  readonly runs: Pick<LiveRuns, "count" | "promptBytes">;
  readonly sessions: Pick<Sessions, "countOf" | "sessions" | "bufferedBytes">;
  readonly exchanges: Pick<HttpExchanges, "count">;
  readonly view: Pick<ClusterView, "queues" | "places" | "countOf">;
  readonly memory: Pick<RedisMemory, "fullest">;
  readonly inbound: Pick<ByteBudget, "usedBytes" | "maxBytes">;
}

const PROTOCOLS = ["v1", "v2"] as const;
const KINDS = ["edge", "worker"] as const;

export function registerGauges(metrics: Metrics, state: EdgeState): void {
  const { runs, sessions, exchanges, view, memory, inbound } = state;
  metrics.gauge("openclaw_open_runs").from(() => [[{}, runs.count]]);
  metrics
    .gauge("openclaw_connections")
    .from(() => [
      ...PROTOCOLS.map((protocol) => [{ protocol }, sessions.countOf(protocol)] as const),
      [{ protocol: "http" }, exchanges.count],
    ]);
  metrics.gauge("openclaw_sessions").from(() => [[{}, sessions.sessions]]);
  metrics.gauge("openclaw_buffered_bytes").from(() => [[{}, sessions.bufferedBytes]]);
  metrics.gauge("openclaw_prompt_bytes").from(() => [[{}, runs.promptBytes]]);
  metrics.gauge("openclaw_inbound_bytes").from(() => [[{}, inbound.usedBytes]]);
  metrics
    .gauge("openclaw_queue_waiting_runs")
    .from(() => [...view.queues].map(([provider, { waiting }]) => [{ provider }, waiting]));
  metrics
    .gauge("openclaw_queue_active_runs")
    .from(() => [...view.queues].map(([provider, { active }]) => [{ provider }, active]));
  // Without a known value there is no sample.
  metrics
    .gauge("openclaw_queue_limit_runs")
    .from(() =>
      [...view.places].map(([provider, { runs }]) => [{ provider, limit: "places" }, runs]),
    );
  metrics.gauge("openclaw_nodes").from(() =>
    KINDS.flatMap((kind) => {
      const count = view.countOf(kind);
      return count === undefined ? [] : [[{ kind }, count] as const];
    }),
  );
  const addMemoryGauge = (what: "used" | "max") =>
    metrics.gauge(`openclaw_redis_memory_${what}_bytes`).from(() => {
      const bytes = memory.fullest?.[`${what}Bytes`];
      return bytes === undefined ? [] : [[{}, bytes]];
    });
  addMemoryGauge("used");
  addMemoryGauge("max");
}

/** @returns a function that counts a node by its id, once it fell silent */
export function countLostNodes(metrics: Metrics): (id: string) => void {
  const lost = metrics.counter("openclaw_nodes_lost_total");
  // The name of a node begins with its kind.
  return (id) => lost.inc({ kind: id.split("-", 1)[0] as LabelValue<"kind"> });
}
