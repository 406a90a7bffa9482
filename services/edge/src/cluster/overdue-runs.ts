/**
 * Ends background runs that should have ended by now. They have no reader, and both their edge and their worker are
 * gone.
 */
import { type Component, isOutage, type Logger } from "@openclaw/runtime";
import type { DueRuns, RunStatus } from "@openclaw/stream";

const LOOK_EVERY_MS = 5_000;

export interface OverdueRunsOptions {
  readonly due: Pick<DueRuns, "overdue" | "forget">;
  /** Undefined for an unknown or forgotten run. */
  readonly status: (runId: string) => Promise<RunStatus | undefined>;
  readonly end: (runId: string, provider: string) => Promise<void>;
  readonly log: Logger;
}

export class OverdueRuns implements Component {
  readonly name = "overdue runs";
  readonly #options: OverdueRunsOptions;
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(options: OverdueRunsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }

  /** Ends what is overdue now. Never throws: a run that was not reached is found the next time. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      for (const runId of await this.#options.due.overdue()) await this.#settleAlone(runId);
    } catch (error) {
      this.#options.log.debug({ err: error }, "overdue runs not read");
    } finally {
      this.#isLooking = false;
    }
  }

  /**
   * A run that cannot be read is dropped from the list. It must not keep the runs behind it from their end.
   */
  async #settleAlone(runId: string): Promise<void> {
    try {
      await this.#settle(runId);
    } catch (error) {
      if (isOutage(error)) throw error;
      this.#options.log.error({ runId, err: error }, "overdue run cannot be ended");
      await this.#options.due.forget(runId);
    }
  }

  async #settle(runId: string): Promise<void> {
    const { due, status, end, log } = this.#options;
    const found = await status(runId);
    if (found?.isOverdue) {
      log.warn({ runId, provider: found.provider }, "overdue run ended");
      await end(runId, found.provider);
    } else if (found && found.endedMs === undefined) return;
    await due.forget(runId);
  }
}
