/** What is the matter with a provider: its limits, its failures, and what the gateway does about them. */
import * as units from "@grafana/grafana-foundation-sdk/units";
import { dashboardOf } from "./dashboard.ts";
import { bars, lines, type Panel, type Step, stacked } from "./panel.ts";
import { amountPerSecond, clusterWide, perSecond, quantile, share, total } from "./promql.ts";

const ASKED = "gen_ai_client_operation_duration_seconds";
const FIRST_CHUNK = "gen_ai_client_operation_time_to_first_chunk_seconds";
const LIMITS = ["provider_rate_limited", "provider_overloaded"] as const;

/** Runs that the cluster may have at work at once. */
const limitOf = (limit: "configured" | "in_force" | "places") =>
  clusterWide("openclaw_queue_limit_runs", ["provider"], { limit });

const NONE_IS_RIGHT: readonly Step[] = [
  [null, "green"],
  [0.000_1, "orange"],
];

const ENOUGH_IS_RIGHT: readonly Step[] = [
  [null, "orange"],
  [1, "green"],
];

const state: readonly Panel[] = [
  bars({
    title: "State of the accounts",
    description:
      "Workers by the state of the account. open: it fails, and workers only probe it. resting: it asked to be left alone. refused: key, quota or model.",
    unit: units.Short,
    span: 8,
    queries: [
      {
        expr: total("openclaw_provider_state", { by: ["provider", "state"] }),
        legend: "{{provider}} {{state}}",
      },
    ],
  }),
  lines({
    title: "Not available",
    description: "Workers that do not ask the provider, by reason.",
    unit: units.Short,
    span: 8,
    steps: NONE_IS_RIGHT,
    queries: [
      {
        expr: total("openclaw_provider_state", {
          by: ["provider", "state"],
          match: { state: ["open", "resting", "refused"] },
        }),
        legend: "{{provider}} {{state}}",
      },
    ],
  }),
  bars({
    title: "Models",
    description:
      "The model that each worker asks for. Two models of one provider mean that a change is under way.",
    unit: units.Short,
    span: 8,
    queries: [
      {
        expr: total("openclaw_provider_info", { by: ["provider", "region", "model"] }),
        legend: "{{provider}} {{model}} ({{region}})",
      },
    ],
  }),
];

const limits: readonly Panel[] = [
  lines({
    title: "Refused for a limit",
    description:
      "429 and 503 of the provider: it takes less than configured. The gateway lowers the pace, and raises it again by itself.",
    unit: units.RequestsPerSecond,
    span: 8,
    ifEmpty: "none refused",
    queries: [
      {
        expr: perSecond("openclaw_provider_errors_total", {
          by: ["provider", "code"],
          match: { code: LIMITS },
        }),
        legend: "{{provider}} {{code}}",
      },
    ],
  }),
  lines({
    title: "At work, of the limit",
    description:
      "In the whole cluster. At 100 % runs wait even if workers are idle: only a higher limit helps.",
    unit: units.PercentUnit,
    span: 8,
    max: 1,
    queries: [
      {
        expr: `${clusterWide("openclaw_queue_active_runs", ["provider"])} / ${limitOf("in_force")}`,
        legend: "{{provider}}",
      },
    ],
  }),
  lines({
    title: "Limit in force, of the configured one",
    description: "Below 100 % the account complained. It gets fewer runs at once for a while.",
    unit: units.PercentUnit,
    span: 8,
    max: 1,
    queries: [
      { expr: `${limitOf("in_force")} / ${limitOf("configured")}`, legend: "{{provider}}" },
    ],
  }),
  lines({
    title: "Places, of the limit in force",
    description:
      "Of all workers together. Below 100 % the workers are the limit, not the account. /health of an edge names the setting to raise.",
    unit: units.PercentUnit,
    span: 12,
    steps: ENOUGH_IS_RIGHT,
    queries: [{ expr: `${limitOf("places")} / ${limitOf("in_force")}`, legend: "{{provider}}" }],
  }),
  lines({
    title: "Waiting",
    description: "In the whole cluster.",
    unit: units.Short,
    span: 12,
    queries: [
      { expr: clusterWide("openclaw_queue_waiting_runs", ["provider"]), legend: "{{provider}}" },
    ],
  }),
];

const requests: readonly Panel[] = [
  lines({
    title: "Requests",
    description:
      "By how they ended. cancelled: the rest was not wanted, such as that of the loser of a hedge.",
    unit: units.RequestsPerSecond,
    span: 8,
    queries: [
      {
        expr: perSecond(ASKED, { by: ["provider", "outcome"] }),
        legend: "{{provider}} {{outcome}}",
      },
    ],
  }),
  lines({
    title: "Failures by code",
    description: "Users do not see most of them, because the next provider of the chain answers.",
    unit: units.RequestsPerSecond,
    span: 8,
    ifEmpty: "none failed",
    queries: [
      {
        expr: perSecond("openclaw_provider_errors_total", { by: ["provider", "code"] }),
        legend: "{{provider}} {{code}}",
      },
    ],
  }),
  lines({
    title: "Share that failed",
    description: "Share of the ended requests.",
    unit: units.PercentUnit,
    span: 8,
    max: 1,
    ifEmpty: "none failed",
    queries: [
      {
        expr: share(ASKED, { by: ["provider"], part: { outcome: "failed" } }),
        legend: "{{provider}}",
      },
    ],
  }),
  lines({
    title: "Hedges",
    description:
      "asked: the provider was late, and the next one was asked too. The next one won, lost or failed. over_budget: late, but the budget for hedges was used up.",
    unit: units.RequestsPerSecond,
    span: 8,
    ifEmpty: "no provider was late",
    queries: [
      {
        expr: perSecond("openclaw_hedges_total", { by: ["provider", "hedge"] }),
        legend: "{{provider}} {{hedge}}",
      },
    ],
  }),
  lines({
    title: "Asking until the first chunk, p50",
    description: "Including reasoning.",
    unit: units.Seconds,
    span: 8,
    queries: [
      {
        expr: quantile(0.5, FIRST_CHUNK, { by: ["provider", "connection"] }),
        legend: "{{provider}} {{connection}}",
      },
    ],
  }),
  lines({
    title: "Asking until the first chunk, p99",
    description: "If it is far above p50, a hedge helps.",
    unit: units.Seconds,
    span: 8,
    queries: [
      {
        expr: quantile(0.99, FIRST_CHUNK, { by: ["provider", "connection"] }),
        legend: "{{provider}} {{connection}}",
      },
    ],
  }),
];

const throughput: readonly Panel[] = [
  stacked({
    title: "Sockets",
    description:
      "spare: opened in advance. idle: between two runs. If spare is 0, runs get cold connections.",
    unit: units.Short,
    span: 8,
    queries: [{ expr: total("openclaw_pool_connections", { by: ["use"] }), legend: "{{use}}" }],
  }),
  lines({
    title: "Tokens",
    description: "As the providers counted them, when an answer ends.",
    unit: "suffix: tokens/s",
    span: 8,
    queries: [
      {
        expr: amountPerSecond("gen_ai_client_token_usage", { by: ["provider", "token_type"] }),
        legend: "{{provider}} {{token_type}}",
      },
    ],
  }),
  lines({
    title: "Characters",
    description: "Counted as they arrive.",
    unit: "suffix: characters/s",
    span: 8,
    queries: [
      {
        expr: perSecond("openclaw_answer_characters_total", { by: ["provider", "content"] }),
        legend: "{{provider}} {{content}}",
      },
    ],
  }),
];

export const providers = dashboardOf({
  uid: "openclaw-providers",
  title: "Providers",
  description: "What is wrong with a provider?",
  sections: [
    { title: "State", panels: state },
    { title: "Limits", panels: limits },
    { title: "Requests", panels: requests },
    { title: "Throughput", panels: throughput },
  ],
});
