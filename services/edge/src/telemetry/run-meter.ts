/** Measures each run once, at its end, on the edge that accepted it. */
import {
  type GatewayConfig,
  type GatewayConfigSource,
  targetNameOf,
  targetOf,
} from "@openclaw/config";
import type { LabelValue, MeasuredGateway, Metrics } from "@openclaw/metrics";
import type { ErrorCode } from "@openclaw/protocol";
import type { EndedRun } from "../runs/ended-run.ts";
import type { ResumeOutcome } from "../runs/run-resumer.ts";
import { isFaultOfRequest, userTimesOf } from "./user-times.ts";

const TARGETS = {
  domestic: "domestic",
  overseasWarm: "overseas_warm",
  overseasCold: "overseas_cold",
} as const;

export interface MeteredGateway extends Pick<GatewayConfigSource, "onChange"> {
  readonly current: MeasuredGateway & Pick<GatewayConfig, "targets">;
}

export class RunMeter {
  readonly #gateway: MeteredGateway;
  readonly #metrics: Metrics;
  readonly #families: ReturnType<typeof familiesOf>;

  constructor(metrics: Metrics, gateway: MeteredGateway) {
    this.#metrics = metrics;
    this.#gateway = gateway;
    this.#families = familiesOf(metrics);
    metrics.gauge("openclaw_target_seconds").from(() => this.#targets());
    this.#introduce();
    gateway.onChange(() => this.#introduce());
  }

  /** A request was refused. */
  refused(code: ErrorCode): void {
    this.#families.refusals.inc({ code });
  }

  /** A client resumed a run, or tried to. */
  resumed(resumed: ResumeOutcome): void {
    this.#families.resumes.inc({ resumed });
  }

  /** A published chunk was missing, or out of order. */
  gap(): void {
    this.#families.gaps.inc({});
  }

  /** A run is past every bound. */
  stuck(): void {
    this.#families.stuck.inc({});
  }

  ended(run: EndedRun): void {
    const { provider: asked, answeredBy: provider = asked, terminal, phases, attempts } = run;
    const { firstText, whole, errors, cancels, restarts } = this.#families;
    const region = this.#metrics.regionOf(provider);
    const connection = phases.attempt?.connection ?? "none";
    const labels = { provider, region, connection, outcome: terminal.type } as const;
    if (phases.firstFrameMs !== undefined) firstText.observe(labels, phases.firstFrameMs / 1_000);
    whole.observe(labels, phases.totalMs / 1_000);
    if (terminal.type === "failed") errors.inc({ provider, code: terminal.failure.code });
    if (terminal.type === "cancelled") cancels.inc({ provider, reason: terminal.reason });
    if (attempts > 1) restarts.inc({ provider }, attempts - 1);
    this.#judge(run, provider);
    this.#time(run, provider);
  }

  /** Compares a run with the targets of its provider. */
  #judge(run: EndedRun, provider: string): void {
    const { terminal, phases } = run;
    const { providers, targets } = this.#gateway.current;
    const region = providers[provider]?.region;
    if (!region) return;
    if (isFaultOfRequest(terminal)) return;
    // Only a connection that is known to be cold has the longer target. If an edge ended the run, the connection is
    // unknown.
    const connection = phases.attempt?.connection ?? "warm";
    const { firstTextMs, fullMs } = targetOf(targets, region, connection);
    const target = TARGETS[targetNameOf(region, connection)];
    const judge = (measure: "first_text" | "whole", isMet: boolean) =>
      this.#families.judged.inc({ provider, target, measure, met: isMet ? "yes" : "no" });
    const { shownMs, leftMs, endedMs } = userTimesOf(run);
    if (run.isStreamed) {
      if (shownMs !== undefined) judge("first_text", shownMs <= firstTextMs);
      else if (leftMs === undefined || leftMs > firstTextMs) judge("first_text", false);
    }
    if (endedMs !== undefined) judge("whole", endedMs <= fullMs);
    else if (terminal.type === "failed" || leftMs === undefined || leftMs > fullMs) {
      judge("whole", false);
    }
  }

  #time({ edgePhases: { acceptMs, waits, toSocketMs }, phases }: EndedRun, provider: string): void {
    const observe = (phase: LabelValue<"phase">, of: string, ms: number | undefined) => {
      const region = this.#metrics.regionOf(of);
      if (ms !== undefined)
        this.#families.phases.observe({ phase, provider: of, region }, ms / 1_000);
    };
    observe("accept", waits[0]?.provider ?? provider, acceptMs);
    const pickUpMs = phases.attempt?.pickUpMs ?? 0;
    waits.forEach(({ provider: of, ms }, index) => {
      // The last wait ended with the attempt whose worker reports its own part of it.
      const own = index === waits.length - 1 ? Math.max(0, ms - pickUpMs) : ms;
      observe("queue_wait", of, own);
    });
    observe("edge_to_socket", provider, toSocketMs);
  }

  *#targets() {
    for (const [name, target] of Object.entries(TARGETS)) {
      // `Object.entries` loses the type of the keys.
      const { firstTextMs, fullMs } = this.#gateway.current.targets[name as keyof typeof TARGETS];
      yield [{ target, measure: "first_text" }, firstTextMs / 1_000] as const;
      yield [{ target, measure: "whole" }, fullMs / 1_000] as const;
    }
  }

  /**
   * Without this, the first run of a provider would not be an increase, and a panel without runs would be empty
   * instead of 0.
   */
  #introduce(): void {
    for (const [provider, { region }] of Object.entries(this.#gateway.current.providers)) {
      const connections = region === "domestic" ? (["warm"] as const) : (["warm", "cold"] as const);
      for (const connection of connections) {
        const target = TARGETS[targetNameOf(region, connection)];
        for (const measure of ["first_text", "whole"] as const) {
          for (const met of ["yes", "no"] as const) {
            this.#families.judged.inc({ provider, target, measure, met }, 0);
          }
        }
      }
    }
  }
}

function familiesOf(metrics: Metrics) {
  return {
    firstText: metrics.histogram("gen_ai_server_time_to_first_token_seconds"),
    whole: metrics.histogram("gen_ai_server_request_duration_seconds"),
    phases: metrics.histogram("openclaw_run_phase_seconds"),
    judged: metrics.counter("openclaw_target_runs_total", { isSparse: true }),
    errors: metrics.counter("openclaw_run_errors_total"),
    cancels: metrics.counter("openclaw_run_cancels_total"),
    restarts: metrics.counter("openclaw_run_restarts_total"),
    stuck: metrics.counter("openclaw_stuck_runs_total"),
    refusals: metrics.counter("openclaw_refusals_total"),
    resumes: metrics.counter("openclaw_resumes_total"),
    gaps: metrics.counter("openclaw_gaps_filled_total"),
  };
}
