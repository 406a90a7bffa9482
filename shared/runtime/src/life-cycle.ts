/**
 * Starting in dependency order, leaving in reverse.
 *
 * A process that is told to stop must first take nothing new, then finish the work in flight, then release what it
 * holds. Each component says how in three verbs. This file calls them in order, bounded in time.
 */
import type { Logger } from "./log.ts";
import { listenForStopSignals } from "./stop-signals.ts";
import { LATE, within } from "./waits.ts";

/** Anything with a lifetime: started once, drained once at most, then stopped. */
export interface Component {
  readonly name: string;
  /** Rejects when the component cannot work. Its owner then calls `stop`, which releases what `start` took. */
  start(): Promise<void>;
  /** Takes nothing new. Resolves when the work in flight is done, or early once `signal` aborts. */
  drain?(signal: AbortSignal): Promise<void>;
  /** Releases everything now, also after a `start` that failed. Safe twice. */
  stop(): Promise<void>;
}

const STOP_DEADLINE_MS = 5_000;

/** The components of one process. Later ones may use earlier ones. */
export class LifeCycle {
  readonly #components: readonly Component[];
  readonly #log: Logger;
  #started: Component[] = [];

  constructor(components: readonly Component[], log: Logger) {
    this.#components = components;
    this.#log = log;
  }

  /** @throws the error of the first component that does not start, once all is stopped again */
  async start(): Promise<void> {
    for (const component of this.#components) {
      try {
        await component.start();
      } catch (error) {
        await this.#stop(component);
        await this.stop();
        throw error;
      }
      this.#started.push(component);
    }
  }

  /**
   * Drains every component for at most `deadlineMs` milliseconds, or until `hurry` aborts. All drain at once: the wait
   * of one would not end while another still took work for it.
   */
  async drain(deadlineMs: number, hurry?: AbortSignal): Promise<void> {
    const late = AbortSignal.timeout(deadlineMs);
    const deadline = hurry ? AbortSignal.any([late, hurry]) : late;
    await Promise.all(
      this.#started.toReversed().map(async (component) => {
        try {
          await component.drain?.(deadline);
          if (deadline.aborted)
            this.#log.warn({ component: component.name, deadlineMs }, "component did not drain");
        } catch (error) {
          this.#log.error({ component: component.name, err: error }, "drain failed");
        }
      }),
    );
  }

  async stop(): Promise<void> {
    const components = this.#started.toReversed();
    this.#started = [];
    for (const component of components) await this.#stop(component);
  }

  async #stop(component: Component): Promise<void> {
    try {
      const outcome = await within(STOP_DEADLINE_MS, component.stop());
      if (outcome === LATE)
        this.#log.warn({ component: component.name }, "component is late to stop");
    } catch (error) {
      this.#log.error({ component: component.name, err: error }, "stop failed");
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
  readonly components: readonly Component[];
  /** How long the work in flight may go on after the first signal, in milliseconds. */
  readonly drainMs: number;
}

/**
 * A parent that has less time than `drainMs` sends `{type: "hurry", withinMs}` to its child, before or after the signal.
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
 * The first signal drains, a second one stops at once. The service sends `ready` to its parent once all is up.
 */
export async function runService({ log, components, drainMs }: RunServiceOptions): Promise<void> {
  const lifeCycle = new LifeCycle(components, log);
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
  // PM2 waits for this word (`wait_ready`).
  process.send?.("ready");
}
