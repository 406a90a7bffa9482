/** Ends runs that are not open on this edge, or not for the client that asks. */
import { failure } from "@openclaw/protocol";
import { retryFor } from "@openclaw/runtime";
import type { RunRecords, TerminalEntry } from "@openclaw/stream";
import type { RunAnnouncer } from "./run-announcer.ts";
import { ASK_WITHIN_MS } from "./run-readers.ts";

const OVERDUE = {
  type: "failed",
  failure: failure("run_timeout"),
  timings: undefined,
} as const satisfies TerminalEntry;

export interface RunEnderOptions {
  readonly records: Pick<RunRecords, "cancel" | "end">;
  readonly announcer: Pick<RunAnnouncer, "clear">;
  /** A provider, and the providers that stand in for it. */
  readonly withFallback: (provider: string) => readonly string[];
}

export class RunEnder {
  readonly #options: RunEnderOptions;

  constructor(options: RunEnderOptions) {
    this.#options = options;
  }

  /**
   * Cancels a run for its client.
   *
   * @param session must be the run's own; without it, any run is cancelled
   * @throws what Redis throws
   */
  async cancel(runId: string, session?: string): Promise<"cancelled" | "ended" | "unknown"> {
    const { records } = this.#options;
    const cancelled = await retryFor(() => records.cancel(runId, session), ASK_WITHIN_MS);
    if (cancelled === "unknown") return "unknown";
    if (cancelled === "already") return "ended";
    // The log has the end already. The job may still be on a queue.
    this.#clear(runId, cancelled.provider);
    return "cancelled";
  }

  /**
   * Ends a run that should have ended by now: its edge is gone, and so is its worker.
   *
   * @throws what Redis throws
   */
  async endOverdue(runId: string, provider: string): Promise<void> {
    await retryFor(() => this.#options.records.end(runId, OVERDUE), ASK_WITHIN_MS);
    this.#clear(runId, provider);
  }

  #clear(runId: string, provider: string): void {
    const { announcer, withFallback } = this.#options;
    announcer.clear({ runId, chain: withFallback(provider) });
  }
}
