/** Where the time of a run goes, from its acceptance to its first text and on. */

import * as units from "@grafana/grafana-foundation-sdk/units";
import { LABELS } from "@openclaw/metrics";
import { dashboardOf } from "./dashboard.ts";
import { bars, lines, type Panel, type Query, spread, stacked } from "./panel.ts";
import {
  amountPerSecond,
  buckets,
  LONG_WINDOW,
  mean,
  perSecond,
  quantile,
  shareOfAmount,
} from "./promql.ts";

const FIRST_TEXT = "gen_ai_server_time_to_first_token_seconds";
const WHOLE = "gen_ai_server_request_duration_seconds";
const PHASE = "openclaw_run_phase_seconds";
const ASKED = "gen_ai_client_operation_time_to_first_chunk_seconds";
const GAP = "gen_ai_client_operation_time_per_output_chunk_seconds";

/** In their order within a run: one query each keeps it, which one query for all would not. */
const PHASES = LABELS.phase;

type Phase = (typeof PHASES)[number];

const OF_PROVIDER: readonly Phase[] = [
  "connect",
  "response_headers",
  "first_token",
  "thinking",
  "no_text",
];

const LONG = { window: LONG_WINDOW } as const;
const timesOf = (phase: Phase) => perSecond(PHASE, { ...LONG, match: { phase } });

/**
 * Seconds of a phase for each run. Over all phases they add up to the time to first text. Means over the runs that had
 * the phase would not.
 *
 * An edge's seconds are divided by the runs that ended there, and a worker's by the attempts that brought text. So the
 * time that failed attempts lost counts as well, and the figure holds for one node. Without an attempt that brought
 * text, all attempts count.
 */
function secondsARun(phase: Phase): string {
  return `${amountPerSecond(PHASE, { ...LONG, match: { phase } })} / ${runsWith(phase)}`;
}

function runsWith(phase: Phase): string {
  switch (phase) {
    case "accept":
    case "queue_wait":
      return `(${perSecond(WHOLE, LONG)} > 0)`;
    case "edge_to_socket":
      return `(${timesOf(phase)} > 0)`;
    default:
      return `(${timesOf("publish")} > 0 or ${timesOf("pick_up")} > 0)`;
  }
}

function eachPhase(): Query[] {
  return PHASES.map((phase) => ({ expr: secondsARun(phase), legend: phase }));
}

function phaseOfProviders(phase: Phase, title: string, description: string): Panel {
  return lines({
    title,
    description,
    unit: units.Seconds,
    span: 6,
    leadsTo: "provider",
    queries: [
      {
        expr: quantile(0.95, PHASE, { by: ["provider"], match: { phase } }),
        legend: "{{provider}}",
      },
    ],
  });
}

const untilFirstText: readonly Panel[] = [
  stacked({
    title: "Until the first text",
    description:
      "Mean seconds of each phase, stacked in their order. The height is the mean time to first text. connect to no_text belong to the provider, the others to the gateway. no_text is the time of attempts without text.",
    unit: units.Seconds,
    span: 16,
    queries: eachPhase(),
  }),
  bars({
    title: "Now",
    description: "Look at the longest bar first.",
    unit: units.Seconds,
    span: 8,
    queries: eachPhase(),
  }),
  lines({
    title: "Each phase, p95",
    description: "A phase that is short on average and long here is bad for a few users.",
    unit: units.Seconds,
    span: 8,
    queries: [{ expr: quantile(0.95, PHASE, { by: ["phase"] }), legend: "{{phase}}" }],
  }),
  lines({
    title: "The provider's part",
    description:
      "Share of the time until the first text. The rest is the gateway's: the queue, Redis, the edge.",
    unit: units.PercentUnit,
    span: 8,
    max: 1,
    queries: [
      {
        expr: shareOfAmount(PHASE, { part: { phase: OF_PROVIDER } }),
        legend: "provider",
      },
    ],
  }),
  spread({
    title: "First text, how it is spread",
    description: "Two bands are two kinds of runs: cold and warm, or two providers.",
    unit: units.Seconds,
    span: 8,
    queries: [{ expr: buckets(FIRST_TEXT), legend: "{{le}}" }],
  }),
];

const byProvider: readonly Panel[] = [
  phaseOfProviders(
    "queue_wait",
    "Queue wait, p95",
    "Too few workers, or the account's limit is reached.",
  ),
  phaseOfProviders("connect", "Connect, p95", "Near 0 on a warm connection."),
  phaseOfProviders("response_headers", "Response headers, p95", "Mostly the provider's own queue."),
  phaseOfProviders("first_token", "First token, p95", "The model reads the prompt."),
];

const ours: readonly Panel[] = [
  lines({
    title: "Accept and pick up, p99",
    description:
      "The time to record and queue a run, and to claim it. Both are round trips to Redis.",
    unit: units.Seconds,
    span: 8,
    queries: (["accept", "pick_up"] as const).map((phase) => ({
      expr: quantile(0.99, PHASE, { match: { phase } }),
      legend: phase,
    })),
  }),
  lines({
    title: "Publish, and edge to socket, p99",
    description:
      "From text in the worker to the log in Redis, and from the edge's subscription to the socket.",
    unit: units.Seconds,
    span: 8,
    queries: (["publish", "edge_to_socket"] as const).map((phase) => ({
      expr: quantile(0.99, PHASE, { match: { phase } }),
      legend: phase,
    })),
  }),
  lines({
    title: "Entries of one append call",
    description: "It grows with the load, because a busy worker batches by itself.",
    unit: units.Short,
    span: 8,
    queries: [
      { expr: mean("openclaw_append_batch_entries"), legend: "mean" },
      { expr: quantile(0.99, "openclaw_append_batch_entries"), legend: "p99" },
    ],
  }),
];

const afterwards: readonly Panel[] = [
  lines({
    title: "Gap between chunks, p50",
    description: "The pace of the provider's text.",
    unit: units.Seconds,
    span: 8,
    leadsTo: "provider",
    queries: [{ expr: quantile(0.5, GAP, { by: ["provider"] }), legend: "{{provider}}" }],
  }),
  lines({
    title: "Gap between chunks, p99",
    description: "The pauses in the provider's text.",
    unit: units.Seconds,
    span: 8,
    leadsTo: "provider",
    queries: [{ expr: quantile(0.99, GAP, { by: ["provider"] }), legend: "{{provider}}" }],
  }),
  lines({
    title: "Asking a provider until its first chunk, p95",
    description: "As workers see it, including reasoning.",
    unit: units.Seconds,
    span: 8,
    leadsTo: "provider",
    queries: [{ expr: quantile(0.95, ASKED, { by: ["provider"] }), legend: "{{provider}}" }],
  }),
];

export const runAnatomy = dashboardOf({
  uid: "openclaw-anatomy",
  title: "Run anatomy",
  description: "Where does the time go?",
  sections: [
    { title: "Until the first text", panels: untilFirstText },
    { title: "Which provider", panels: byProvider },
    { title: "Ours", panels: ours },
    { title: "From then on", panels: afterwards },
  ],
});
