/** Whether the machines are well: nodes, connections, queues, the load of workers, Redis. */
import * as units from "@grafana/grafana-foundation-sdk/units";
import { dashboardOf } from "./dashboard.ts";
import { lines, numbers, type Panel, RUNS_PER_SECOND, type Step, states } from "./panel.ts";
import { clusterWide, ofProcess, perSecond, quantile, rate, series, total } from "./promql.ts";

const ZERO_IS_RED: readonly Step[] = [
  [null, "red"],
  [1, "green"],
];
const NONE_IS_RIGHT: readonly Step[] = [
  [null, "green"],
  [0.000_1, "red"],
];

/** A few numbers; of a gauge, where nothing else is said. */
function number(title: string, description: string, expr: string, steps?: readonly Step[]): Panel {
  return numbers({
    title,
    description,
    unit: units.Short,
    span: 4,
    queries: [{ expr, legend: "" }],
    ...(steps && { steps }),
  });
}

const nodes: readonly Panel[] = [
  numbers({
    title: "Nodes",
    description: "Living nodes, as the edges see them in Redis.",
    unit: units.Short,
    span: 8,
    steps: ZERO_IS_RED,
    queries: [{ expr: clusterWide("openclaw_nodes", ["kind"]), legend: "{{kind}}" }],
  }),
  number(
    "Connections",
    "Open WebSockets, and HTTP requests that are not answered yet.",
    total("openclaw_connections"),
  ),
  number(
    "Waiting",
    "Runs without a worker.",
    `sum(${clusterWide("openclaw_queue_waiting_runs", ["provider"])})`,
  ),
  number(
    "At work",
    "Runs that a worker has.",
    `sum(${clusterWide("openclaw_queue_active_runs", ["provider"])})`,
  ),
  number(
    "Lost",
    "Nodes that fell silent without having left, in the last hour.",
    `sum(increase(${series("openclaw_nodes_lost_total")}[1h]))`,
    NONE_IS_RIGHT,
  ),
  states({
    title: "Ready",
    description: "The answer of /readyz of each process. Red: it takes no new runs.",
    unit: units.Short,
    span: 12,
    steps: ZERO_IS_RED,
    queries: [{ expr: series("openclaw_ready"), legend: "{{instance}}" }],
  }),
  states({
    title: "Reached by Redis",
    description: "Redis answers commands in time, and published messages arrive.",
    unit: units.Short,
    span: 12,
    steps: ZERO_IS_RED,
    queries: [
      {
        expr: `min by (instance) (${series("openclaw_redis_up")} * ${series("openclaw_subscription_up")})`,
        legend: "{{instance}}",
      },
    ],
  }),
];

const edges: readonly Panel[] = [
  lines({
    title: "Connections",
    description: "By edge and protocol.",
    unit: units.Short,
    span: 8,
    leadsTo: "node",
    queries: [
      {
        expr: total("openclaw_connections", { by: ["instance", "protocol"] }),
        legend: "{{instance}} {{protocol}}",
      },
    ],
  }),
  lines({
    title: "Sessions and runs",
    description: "Sessions with a connection, and runs under way, on the chosen edges.",
    unit: units.Short,
    span: 8,
    queries: [
      { expr: total("openclaw_sessions"), legend: "sessions" },
      { expr: total("openclaw_open_runs"), legend: "runs" },
    ],
  }),
  lines({
    title: "Not read by clients",
    description:
      "Bytes written to sockets that clients have not taken yet. A connection over its limit is closed.",
    unit: units.BytesIEC,
    span: 8,
    leadsTo: "node",
    queries: [
      { expr: total("openclaw_buffered_bytes", { by: ["instance"] }), legend: "{{instance}}" },
    ],
  }),
  lines({
    title: "Slow consumers closed",
    description: "Their clients may come back and resume.",
    unit: units.RequestsPerSecond,
    span: 8,
    leadsTo: "node",
    queries: [
      {
        expr: perSecond("openclaw_slow_consumers_total", { by: ["instance"] }),
        legend: "{{instance}}",
      },
    ],
  }),
  lines({
    title: "Gaps filled from the log",
    description:
      "Published chunks that were missing or out of order. Causes: a lost subscription, or a slow edge.",
    unit: units.RequestsPerSecond,
    span: 8,
    leadsTo: "node",
    queries: [
      {
        expr: perSecond("openclaw_gaps_filled_total", { by: ["instance"] }),
        legend: "{{instance}}",
      },
    ],
  }),
  lines({
    title: "Fenced chunks",
    description: "Chunks of a worker that had lost its run. Redis refused them.",
    unit: units.RequestsPerSecond,
    span: 8,
    leadsTo: "node",
    queries: [
      {
        expr: perSecond("openclaw_fenced_chunks_total", { by: ["instance"] }),
        legend: "{{instance}}",
      },
    ],
  }),
];

const workers: readonly Panel[] = [
  lines({
    title: "Waiting for a worker",
    description:
      "By provider. If it grows, there are too few workers, or the account's limit is reached.",
    unit: units.Short,
    span: 6,
    leadsTo: "provider",
    queries: [
      { expr: clusterWide("openclaw_queue_waiting_runs", ["provider"]), legend: "{{provider}}" },
    ],
  }),
  lines({
    title: "At work",
    description: "By provider.",
    unit: units.Short,
    span: 6,
    leadsTo: "provider",
    queries: [
      { expr: clusterWide("openclaw_queue_active_runs", ["provider"]), legend: "{{provider}}" },
    ],
  }),
  lines({
    title: "Load of the workers",
    description:
      "Attempts at work in each worker, of all providers together. WORKER_CONCURRENCY limits the attempts of one provider.",
    unit: units.Short,
    span: 6,
    leadsTo: "node",
    queries: [
      { expr: total("openclaw_active_attempts", { by: ["instance"] }), legend: "{{instance}}" },
    ],
  }),
  lines({
    title: "How attempts ended",
    description: "finished is normal. docs/operations.md explains the others.",
    unit: RUNS_PER_SECOND,
    span: 6,
    queries: [
      { expr: perSecond("openclaw_attempts_total", { by: ["result"] }), legend: "{{result}}" },
    ],
  }),
];

const roundTrips: readonly Panel[] = [0.5, 0.99].map((q) =>
  lines({
    title: `Redis round trip, p${100 * q}`,
    description:
      "A ping four times a second, and each append of a worker. The lag of the process's own event loop is included.",
    unit: units.Seconds,
    span: 8,
    leadsTo: "node",
    queries: [
      {
        expr: quantile(q, "openclaw_redis_round_trip_seconds", { by: ["command", "instance"] }),
        legend: "{{command}} {{instance}}",
      },
    ],
  }),
);

const redis: readonly Panel[] = [
  ...roundTrips,
  lines({
    title: "Memory of Redis",
    description:
      "Share of maxmemory. Of several masters, the fullest. At 100 % every new run is refused, although Redis answers.",
    unit: units.PercentUnit,
    span: 8,
    ifEmpty: "no maxmemory, or INFO is forbidden",
    steps: [
      [null, "green"],
      [0.8, "orange"],
      [0.95, "red"],
    ],
    queries: [
      {
        expr: `${clusterWide("openclaw_redis_memory_used_bytes", [])} / ${clusterWide("openclaw_redis_memory_max_bytes", [])}`,
        legend: "used",
      },
    ],
  }),
];

const processes: readonly Panel[] = [
  lines({
    title: "CPU",
    description: "1 is one core. The JavaScript of one process can use one core.",
    unit: units.PercentUnit,
    span: 8,
    leadsTo: "node",
    steps: [
      [null, "green"],
      [0.8, "red"],
    ],
    queries: [
      { expr: rate(ofProcess("process_cpu_seconds_total"), ["instance"]), legend: "{{instance}}" },
    ],
  }),
  lines({
    title: "Memory",
    description: "Resident memory. It follows the load and goes down again.",
    unit: units.BytesIEC,
    span: 8,
    leadsTo: "node",
    queries: [{ expr: ofProcess("process_resident_memory_bytes"), legend: "{{instance}}" }],
  }),
  lines({
    title: "Lag of the event loop, p99",
    description: "This time is added to everything else. Above 100 ms a process is overloaded.",
    unit: units.Seconds,
    span: 8,
    leadsTo: "node",
    steps: [
      [null, "green"],
      [0.1, "red"],
    ],
    queries: [{ expr: ofProcess("nodejs_eventloop_lag_p99_seconds"), legend: "{{instance}}" }],
  }),
];

export const cluster = dashboardOf({
  uid: "openclaw-cluster",
  title: "Cluster",
  description: "Are the machines healthy?",
  sections: [
    { title: "Nodes", panels: nodes },
    { title: "Edges", panels: edges },
    { title: "Workers", panels: workers },
    { title: "Redis", panels: redis },
    { title: "Processes", panels: processes },
  ],
});
