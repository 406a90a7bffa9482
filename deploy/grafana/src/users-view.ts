/** Whether users get their text in time, and if not, whose runs are late or fail. */
import * as units from "@grafana/grafana-foundation-sdk/units";
import { dashboardOf } from "./dashboard.ts";
import { bars, lines, numbers, type Panel, RUNS_PER_SECOND, type Step } from "./panel.ts";
import { clusterWide, perSecond, quantile, series, share, total } from "./promql.ts";

const FIRST_TEXT = "gen_ai_server_time_to_first_token_seconds";
const WHOLE = "gen_ai_server_request_duration_seconds";

/** The objective of the rules is 99 %; what burns a month's worth of misses within two days is red. */
const SHARES: readonly Step[] = [
  [null, "red"],
  [0.856, "orange"],
  [0.99, "green"],
];
const NONE_IS_RIGHT: readonly Step[] = [
  [null, "green"],
  [0.000_1, "red"],
];

/** Runs within their targets, of what the rules recorded over a window. */
function recordedShare(window: "5m" | "1h" | "1d", more = ""): string {
  const runs = (match: string) =>
    `sum by (target, measure) (openclaw:provider_target_runs:rate${window}{${match}provider=~"$provider"${more}})`;
  return `${runs('met="yes", ')} / ${runs("")}`;
}

function shareNow(measure: "first_text" | "whole"): string {
  return share("openclaw_target_runs_total", {
    by: ["target"],
    match: { measure },
    part: { met: "yes" },
  });
}

const targetLine = {
  expr: 'max by (target) (openclaw_target_seconds{measure="first_text"})',
  legend: "target {{target}}",
};

function firstText(q: number, name: string): Panel {
  return lines({
    title: `First text, ${name}`,
    description:
      "From accepting a run to its first text on the socket, by the provider that answered.",
    unit: units.Seconds,
    span: 8,
    leadsTo: "provider",
    queries: [
      { expr: quantile(q, FIRST_TEXT, { by: ["provider"] }), legend: "{{provider}}" },
      targetLine,
    ],
  }).overrideByRegexp("/^target /", [
    { id: "custom.lineStyle", value: { fill: "dash", dash: [8, 8] } },
    { id: "color", value: { mode: "fixed", fixedColor: "text" } },
    { id: "custom.fillOpacity", value: 0 },
  ]);
}

const inTime: readonly Panel[] = [
  numbers({
    title: "Within target, last 5 minutes",
    description: "Share of runs that met their target. Failed runs did not. The objective is 99 %.",
    unit: units.PercentUnit,
    span: 12,
    max: 1,
    steps: SHARES,
    queries: [{ expr: recordedShare("5m"), legend: "{{target}} {{measure}}" }],
  }),
  numbers({
    title: "Last hour",
    description: "The same over an hour.",
    unit: units.PercentUnit,
    span: 6,
    max: 1,
    steps: SHARES,
    queries: [{ expr: recordedShare("1h", ', measure="first_text"'), legend: "{{target}}" }],
  }),
  numbers({
    title: "Last day",
    description: "The same over a day.",
    unit: units.PercentUnit,
    span: 6,
    max: 1,
    steps: SHARES,
    queries: [{ expr: recordedShare("1d", ', measure="first_text"'), legend: "{{target}}" }],
  }),
  numbers({
    title: "Runs",
    description: "Runs that ended, with any outcome.",
    unit: RUNS_PER_SECOND,
    span: 6,
    queries: [{ expr: perSecond(WHOLE), legend: "ended" }],
  }),
  numbers({
    title: "Under way",
    description: "Accepted runs that have not ended.",
    unit: units.Short,
    span: 6,
    queries: [{ expr: total("openclaw_open_runs"), legend: "runs" }],
  }),
  numbers({
    title: "Failed",
    description: "Share of the runs that ended with an error.",
    unit: units.PercentUnit,
    span: 6,
    ifEmpty: "none",
    steps: [
      [null, "green"],
      [0.01, "orange"],
      [0.05, "red"],
    ],
    queries: [
      {
        expr: share(WHOLE, { part: { outcome: "failed" } }),
        legend: "",
      },
    ],
  }),
  numbers({
    title: "Stuck",
    description: "Runs that were past every bound without an end, in the last hour. Must be 0.",
    unit: units.Short,
    span: 6,
    steps: NONE_IS_RIGHT,
    queries: [
      { expr: `sum(increase(${series("openclaw_stuck_runs_total")}[1h]))`, legend: "stuck" },
    ],
  }),
  lines({
    title: "First text within target",
    description: "A provider that falls here begins late. The line is the objective.",
    unit: units.PercentUnit,
    span: 8,
    max: 1,
    steps: SHARES,
    queries: [{ expr: shareNow("first_text"), legend: "{{target}}" }],
  }),
  lines({
    title: "Whole answer within target",
    description: "A provider that falls only here began in time, but was slow or failed.",
    unit: units.PercentUnit,
    span: 8,
    max: 1,
    steps: SHARES,
    queries: [{ expr: shareNow("whole"), legend: "{{target}}" }],
  }),
  bars({
    title: "First text within target, by provider",
    description: "Shows which provider is late. Last 5 minutes.",
    unit: units.PercentUnit,
    span: 8,
    max: 1,
    steps: SHARES,
    leadsTo: "provider",
    queries: [
      {
        expr: 'openclaw:provider_target_met:ratio5m{measure="first_text", provider=~"$provider"} >= 0',
        legend: "{{provider}} {{target}}",
      },
    ],
  }),
];

const latency: readonly Panel[] = [
  firstText(0.5, "p50"),
  firstText(0.95, "p95"),
  firstText(0.99, "p99"),
  lines({
    title: "First text, cold against warm",
    description:
      "warm: the provider's socket was open before the run asked for it. none: no provider answered.",
    unit: units.Seconds,
    span: 8,
    queries: [0.5, 0.95].map((q) => ({
      expr: quantile(q, FIRST_TEXT, { by: ["connection", "region"] }),
      legend: `p${100 * q} {{region}} {{connection}}`,
    })),
  }),
  lines({
    title: "Runs on a cold connection",
    description:
      "Share of the answered runs. It should be near 0; if not, the pool is too small for the load.",
    unit: units.PercentUnit,
    span: 8,
    max: 1,
    leadsTo: "provider",
    ifEmpty: "none",
    queries: [
      {
        expr: share(FIRST_TEXT, { by: ["provider"], part: { connection: "cold" } }),
        legend: "{{provider}}",
      },
    ],
  }),
  lines({
    title: "Whole answer, p95",
    description: "From accepting a run to its end.",
    unit: units.Seconds,
    span: 8,
    leadsTo: "provider",
    queries: [{ expr: quantile(0.95, WHOLE, { by: ["provider"] }), legend: "{{provider}}" }],
  }),
];

const trouble: readonly Panel[] = [
  lines({
    title: "Errors that users saw",
    description: "By code, as in PROTOCOL.md.",
    unit: RUNS_PER_SECOND,
    span: 8,
    ifEmpty: "no errors",
    queries: [
      {
        expr: perSecond("openclaw_run_errors_total", { by: ["code", "provider"] }),
        legend: "{{code}} {{provider}}",
      },
    ],
  }),
  lines({
    title: "Refused",
    description: "Requests that were not accepted, by code.",
    unit: units.RequestsPerSecond,
    span: 8,
    ifEmpty: "none refused",
    queries: [{ expr: perSecond("openclaw_refusals_total", { by: ["code"] }), legend: "{{code}}" }],
  }),
  lines({
    title: "Cancelled",
    description:
      "client: the client asked for it. disconnected: no client came back in time. interrupted: another attempt said something else. orphaned: its worker found no edge that listened.",
    unit: RUNS_PER_SECOND,
    span: 8,
    ifEmpty: "none cancelled",
    queries: [
      { expr: perSecond("openclaw_run_cancels_total", { by: ["reason"] }), legend: "{{reason}}" },
    ],
  }),
  lines({
    title: "Came back",
    description: "Clients that resumed a run, or could not.",
    unit: units.RequestsPerSecond,
    span: 8,
    ifEmpty: "no client came back",
    queries: [
      { expr: perSecond("openclaw_resumes_total", { by: ["resumed"] }), legend: "{{resumed}}" },
    ],
  }),
  lines({
    title: "Further attempts",
    description: "Attempts after the first one of a run, by another worker or another provider.",
    unit: units.RequestsPerSecond,
    span: 8,
    ifEmpty: "none",
    leadsTo: "provider",
    queries: [
      {
        expr: perSecond("openclaw_run_restarts_total", { by: ["provider"] }),
        legend: "{{provider}}",
      },
    ],
  }),
  lines({
    title: "Waiting for a worker",
    description: "In the whole cluster.",
    unit: units.Short,
    span: 8,
    leadsTo: "provider",
    queries: [
      { expr: clusterWide("openclaw_queue_waiting_runs", ["provider"]), legend: "{{provider}}" },
    ],
  }),
];

export const usersView = dashboardOf({
  uid: "openclaw-users",
  title: "Users' view",
  description: "Do users get their text in time? If not, which users?",
  sections: [
    { title: "In time?", panels: inTime },
    { title: "How long", panels: latency },
    { title: "What went wrong", panels: trouble },
  ],
});
