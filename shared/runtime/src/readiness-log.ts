import type { Component } from "./life-cycle.ts";

const LOOK_EVERY_MS = 1_000;

export interface ReadinessLogOptions {
  /** Why the process cannot do its work right now; empty while it can. */
  readonly troubles: () => readonly string[];
  readonly log: Readonly<Record<"info" | "warn", (facts: object, message: string) => void>>;
}

/**
 * Logs when the process becomes unable to do its work, with the reason, and when it is able again. Both lines have
 * one level, so that no level of the log shows the trouble without its end. Reasons that change in between are
 * `info`.
 */
export class ReadinessLog implements Component {
  readonly name = "readiness log";
  readonly #options: ReadinessLogOptions;
  #timer: NodeJS.Timeout | undefined;
  #reasons = "";
  #since = 0;

  constructor(options: ReadinessLogOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** A process that leaves is not ready for good, and logs that itself. */
  async drain(): Promise<void> {
    clearInterval(this.#timer);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { troubles, log } = this.#options;
    const reasons = troubles().join(", ");
    if (reasons === this.#reasons) return;
    const now = performance.now();
    if (reasons === "") {
      log.warn({ afterMs: Math.round(now - this.#since) }, "ready again");
    } else if (this.#reasons === "") {
      this.#since = now;
      log.warn({ reasons }, "not ready");
    } else {
      log.info({ reasons }, "not ready for other reasons");
    }
    this.#reasons = reasons;
  }
}
