/**
 * Starting in dependency order, leaving in reverse.
 *
 * A process that is told to stop must first take nothing new, then finish what is in flight, then
 * release. Each part says how in three verbs, and this file walks them in order, bounded in time.
 */
import type { Logger } from "./log.ts";
import { listenForStopSignals } from "./stop-signals.ts";
import { LATE, within } from "./waits.ts";

/** Anything with a lifetime. A failed `start` has released what it took; `stop` is safe twice. */
export interface Component {
  readonly name: string;
  start(): Promise<void>;
  /** Takes nothing new; resolves when the work in flight is done, or early once `signal` aborts. */
  drain?(signal: AbortSignal): Promise<void>;
  /** Releases everything now. */
  stop(): Promise<void>;
}

const STOP_DEADLINE_MS = 5_000;

/** The parts of one process. Later parts may use earlier ones. */
export class LifeCycle {
  readonly #parts: readonly Component[];
  readonly #log: Logger;
  #started: Component[] = [];

  constructor(parts: readonly Component[], log: Logger) {
    this.#parts = parts;
    this.#log = log;
  }

  async start(): Promise<void> {
    for (const part of this.#parts) {
      try {
        await part.start();
      } catch (error) {
        await this.stop();
        throw error;
      }
      this.#started.push(part);
    }
  }

  /**
   * Drains every part for at most `deadlineMs`, or until `hurry` aborts: all at once, since a part that still took
   * work while another one waits would never be done.
   */
  async drain(deadlineMs: number, hurry?: AbortSignal): Promise<void> {
    const late = AbortSignal.timeout(deadlineMs);
    const deadline = hurry ? AbortSignal.any([late, hurry]) : late;
    await Promise.all(
      this.#started.toReversed().map(async (part) => {
        try {
          await part.drain?.(deadline);
          if (deadline.aborted)
            this.#log.warn({ part: part.name, deadlineMs }, "part did not drain");
        } catch (error) {
          this.#log.error({ part: part.name, err: error }, "drain failed");
        }
      }),
    );
  }

  async stop(): Promise<void> {
    const parts = this.#started.toReversed();
    this.#started = [];
    for (const part of parts) {
      try {
        const outcome = await within(STOP_DEADLINE_MS, part.stop());
        if (outcome === LATE) this.#log.warn({ part: part.name }, "part is late to stop");
      } catch (error) {
        this.#log.error({ part: part.name, err: error }, "stop failed");
      }
    }
  }
}

async function drainAndStop(
  lifeCycle: LifeCycle,
  {
    log,
    drainMs,
    hurry,
    reason,
  }: { log: Logger; drainMs: number; hurry: AbortSignal; reason: string },
): Promise<void> {
  log.info({ reason }, "draining");
  await lifeCycle.drain(drainMs, hurry);
  await lifeCycle.stop();
  log.info("stopped");
}

export interface RunServiceOptions {
  readonly log: Logger;
  readonly parts: readonly Component[];
  /** How long in-flight work may go on after the first signal. */
  readonly drainMs: number;
}

/**
 * A parent may have less time than `drainMs` when it tells its child to leave: it sends `{type: "hurry", withinMs}`,
 * before or after the signal.
 */
function listenForHurry(): AbortSignal {
  const hurry = new AbortController();
  process.on("message", (message: { type?: unknown; withinMs?: unknown } | null) => {
    if (message?.type !== "hurry" || typeof message.withinMs !== "number") return;
    setTimeout(() => hurry.abort(), message.withinMs).unref();
  });
  return hurry.signal;
}

/**
 * Runs a service until SIGTERM or SIGINT, or until the parent that holds its IPC channel is gone.
 * The first signal drains, a second one stops at once. A parent is told `ready` once all is up.
 */
export async function runService({ log, parts, drainMs }: RunServiceOptions): Promise<void> {
  const lifeCycle = new LifeCycle(parts, log);
  let leaving = false;
  const hurry = listenForHurry();
  const leave = (reason: string) => {
    if (leaving) return;
    leaving = true;
    void drainAndStop(lifeCycle, { log, drainMs, hurry, reason }).then(() => process.exit(0));
  };
  listenForStopSignals({
    onFirst: leave,
    onAgain: (signal) => {
      log.warn({ signal }, "forced to stop");
      process.exit(1);
    },
  });
  process.on("disconnect", () => leave("parent gone"));
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, "unexpected error");
      process.exit(1);
    });
  }
  await lifeCycle.start();
  log.info("ready");
  process.send?.({ type: "ready" });
  // The same in the word of PM2 (`wait_ready`).
  process.send?.("ready");
}
