/**
 * Every metric there is: name, meaning, labels, buckets, and who has it. Nothing else makes a metric.
 *
 * Names of OpenTelemetry's GenAI conventions stand where those name the same thing, in Prometheus' spelling.
 * `gen_ai_server_*` is what users of the gateway see, `gen_ai_client_*` what the gateway sees of providers.
 * Seconds and bytes throughout. docs/metrics.md is written from this file.
 */
import type { BucketSet } from "./buckets.ts";
import type { LabelName } from "./labels.ts";

export type ProcessKind = "edge" | "worker";

export interface MetricDefinition {
  readonly type: "counter" | "gauge" | "histogram";
  readonly on: readonly ProcessKind[];
  readonly help: string;
  readonly labels: readonly LabelName[];
  readonly buckets?: BucketSet;
}

const EDGE = ["edge"] as const;
const WORKER = ["worker"] as const;
const BOTH = ["edge", "worker"] as const;

function counter<const Labels extends readonly LabelName[]>(
  on: readonly ProcessKind[],
  labels: Labels,
  help: string,
) {
  return { type: "counter", on, help, labels } as const;
}

function gauge<const Labels extends readonly LabelName[]>(
  on: readonly ProcessKind[],
  labels: Labels,
  help: string,
) {
  return { type: "gauge", on, help, labels } as const;
}

function histogram<const Labels extends readonly LabelName[]>(
  on: readonly ProcessKind[],
  labels: Labels,
  { buckets, help }: { readonly buckets: BucketSet; readonly help: string },
) {
  return { type: "histogram", on, help, labels, buckets } as const;
}

export const CATALOGUE = {
  // What users see. Counted once a run, by the edge that accepted it.
  gen_ai_server_time_to_first_token_seconds: histogram(
    EDGE,
    ["provider", "region", "connection", "outcome"],
    {
      buckets: "first_text",
      help: "From accepting a run to handing its first text to the socket. Reasoning, roles and empty chunks are not text.",
    },
  ),
  gen_ai_server_request_duration_seconds: histogram(
    EDGE,
    ["provider", "region", "connection", "outcome"],
    { buckets: "whole", help: "From accepting a run to its end, including its wait for a worker." },
  ),
  openclaw_target_runs_total: counter(
    EDGE,
    ["provider", "target", "measure", "met"],
    "Runs by whether they met the configured target. A failed run did not meet it. A cancelled run counts only if it was already late.",
  ),
  openclaw_target_seconds: gauge(EDGE, ["target", "measure"], "The configured targets."),
  openclaw_run_errors_total: counter(EDGE, ["provider", "code"], "Runs that failed, by code."),
  openclaw_run_cancels_total: counter(EDGE, ["provider", "reason"], "Runs that were cancelled."),
  openclaw_run_restarts_total: counter(
    EDGE,
    ["provider"],
    "Attempts after the first one of a run, by another worker or another provider.",
  ),
  openclaw_stuck_runs_total: counter(
    EDGE,
    [],
    "Accepted runs that passed every bound without an end, as their edge found. Must stay 0.",
  ),
  openclaw_refusals_total: counter(
    EDGE,
    ["code"],
    "Runs and connections that were not accepted, by code. Unreadable requests do not count.",
  ),
  openclaw_resumes_total: counter(EDGE, ["resumed"], "Clients that came back for a run."),
  openclaw_gaps_filled_total: counter(
    EDGE,
    [],
    "Reads of the log because a published chunk was missing, out of order, or too large to be published.",
  ),

  // Where the time goes. Each phase is measured inside one process.
  openclaw_run_phase_seconds: histogram(BOTH, ["phase", "provider", "region"], {
    buckets: "phase",
    help: "Time a run spends in each phase until its first text.",
  }),

  // Edges.
  openclaw_open_runs: gauge(EDGE, [], "Runs that this edge follows."),
  openclaw_connections: gauge(
    EDGE,
    ["protocol"],
    "Open WebSocket connections, and HTTP requests that are not answered yet.",
  ),
  openclaw_sessions: gauge(EDGE, [], "Sessions with a connection here."),
  openclaw_buffered_bytes: gauge(
    EDGE,
    [],
    "Bytes written to sockets that the clients have not taken yet.",
  ),
  openclaw_inbound_bytes: gauge(
    EDGE,
    [],
    "Bytes of requests that this edge keeps before they are on a queue. At most EDGE_INBOUND_BYTES.",
  ),
  openclaw_prompt_bytes: gauge(
    EDGE,
    [],
    "Bytes in Redis of prompts of unfinished runs that began here. All edges together have at most EDGE_QUEUED_BYTES.",
  ),
  openclaw_slow_consumers_total: counter(
    EDGE,
    [],
    "Connections closed because the client did not read.",
  ),
  openclaw_rude_connections_total: counter(
    EDGE,
    [],
    "Connections closed with 1008 because the client sent more frames, or more bad frames, than allowed.",
  ),
  openclaw_queue_waiting_runs: gauge(
    EDGE,
    ["provider"],
    "Runs that wait for a worker, in the whole cluster. The same on every edge.",
  ),
  openclaw_queue_active_runs: gauge(
    EDGE,
    ["provider"],
    "Runs at work, in the whole cluster. The same on every edge.",
  ),
  openclaw_nodes: gauge(EDGE, ["kind"], "Nodes that report to Redis, as this edge sees it."),
  openclaw_nodes_lost_total: counter(
    EDGE,
    ["kind"],
    "Nodes that fell silent before they left. One edge counts each of them.",
  ),
  openclaw_redis_memory_used_bytes: gauge(
    EDGE,
    [],
    "Memory that Redis uses of its maxmemory. Of several masters, the fullest. The same on every edge.",
  ),
  openclaw_redis_memory_max_bytes: gauge(
    EDGE,
    [],
    "maxmemory of the same Redis. No value if it has no limit. A full Redis makes the gateway refuse every new run.",
  ),

  // Providers, as workers see them.
  gen_ai_client_operation_duration_seconds: histogram(
    WORKER,
    ["provider", "region", "connection", "outcome"],
    {
      buckets: "whole",
      help: "From asking a provider to the end of its answer. The outcome is cancelled if the rest was not wanted.",
    },
  ),
  gen_ai_client_operation_time_to_first_chunk_seconds: histogram(
    WORKER,
    ["provider", "region", "connection"],
    {
      buckets: "first_text",
      help: "From asking a provider to its first token, including reasoning.",
    },
  ),
  gen_ai_client_operation_time_per_output_chunk_seconds: histogram(WORKER, ["provider"], {
    buckets: "gap",
    help: "Time between two chunks with content.",
  }),
  gen_ai_client_token_usage: histogram(WORKER, ["provider", "token_type"], {
    buckets: "tokens",
    help: "Tokens of one answer as the provider counted them. The rate of the sum is tokens a second.",
  }),
  openclaw_answer_characters_total: counter(
    WORKER,
    ["provider", "content"],
    "UTF-16 units received, counted as they arrive.",
  ),
  openclaw_provider_errors_total: counter(
    WORKER,
    ["provider", "code"],
    "Requests to a provider that failed, by code.",
  ),
  openclaw_provider_state: gauge(
    WORKER,
    ["provider", "state"],
    "1 for the state of an account in this worker: available, open (its circuit), resting (as it asked), or refused.",
  ),
  openclaw_account_questions_total: counter(
    WORKER,
    ["provider", "answer"],
    "The gateway's own questions to an account after a refused run, by result. They show whether the account itself is refused.",
  ),
  openclaw_provider_info: gauge(
    WORKER,
    ["provider", "region", "model"],
    "1 for each provider that is served. Join it to get the model.",
  ),
  openclaw_pool_connections: gauge(
    WORKER,
    ["provider", "use"],
    "Sockets to a provider: spare (opened in advance), idle (between two runs), busy, connecting.",
  ),

  // Workers.
  openclaw_attempts_total: counter(
    WORKER,
    ["provider", "result"],
    "Attempts at runs, by how they ended. fenced: another worker had claimed the run.",
  ),
  openclaw_hedges_total: counter(
    WORKER,
    ["provider", "hedge"],
    "Late providers (asked, over_budget), and how the second provider did (won, lost, failed).",
  ),
  openclaw_active_attempts: gauge(WORKER, [], "Attempts at work in this process."),
  openclaw_append_batch_entries: histogram(WORKER, [], {
    buckets: "batch",
    help: "Entries in one append call, over all its runs.",
  }),
  openclaw_fenced_chunks_total: counter(
    WORKER,
    [],
    "Entries that the log refused because another attempt holds their run.",
  ),

  // Every process.
  openclaw_queue_limit_runs: gauge(
    BOTH,
    ["provider", "limit"],
    "Runs that may be at work at once, in the whole cluster. The lowest limit counts. Workers report configured and in_force. Edges report places: those of all workers together.",
  ),
  openclaw_redis_round_trip_seconds: histogram(BOTH, ["command"], {
    buckets: "round_trip",
    help: "From sending a command to its answer: for a ping four times a second, and for each append call of a worker.",
  }),
  openclaw_redis_up: gauge(BOTH, [], "1 while Redis answers commands in time."),
  openclaw_subscription_up: gauge(BOTH, [], "1 while published messages reach this process."),
  openclaw_ready: gauge(BOTH, [], "1 while /readyz answers 200."),
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof CATALOGUE;

/** Names of the metrics of one type. */
export type NameOf<Type extends MetricDefinition["type"]> = {
  [Name in MetricName]: (typeof CATALOGUE)[Name]["type"] extends Type ? Name : never;
}[MetricName];

export type LabelOf<Name extends MetricName> = (typeof CATALOGUE)[Name]["labels"][number];
