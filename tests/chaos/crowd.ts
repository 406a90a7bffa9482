import { setTimeout as delay } from "node:timers/promises";
import type { History } from "./history.ts";
import type { Purchases } from "./purchases.ts";

/** What every user is given. */
export interface Crowd {
  readonly url: (session?: string) => string;
  readonly history: History;
  readonly purchases: Pick<Purchases, "hasBegun">;
  readonly providers: readonly [string, ...string[]];
  /** Another number each time: two users' chances may come to be the same. */
  readonly nextNumber: () => number;
  /** How long an ended run can be read. */
  readonly resumeWindowMs: number;
  /** Aborts when no new run is to begin. */
  readonly closing: AbortSignal;
}

/** Whatever happens, a run must have ended by then. */
export const TERMINAL_WITHIN_MS = 60_000;

const CONNECT_WITHIN_MS = 30_000;

/** Connects to whichever edge takes the connection; `undefined` once the crowd goes home. */
export async function reconnect<T>(
  connect: () => Promise<T>,
  { closing }: Crowd,
): Promise<T | undefined> {
  const deadline = performance.now() + CONNECT_WITHIN_MS;
  while (performance.now() < deadline) {
    try {
      return await connect();
    } catch {
      if (closing.aborted) return undefined;
      await delay(100);
    }
  }
  throw new Error(`no edge took a connection within ${CONNECT_WITHIN_MS} ms`);
}

/** Waits, unless it is time to go. */
export async function linger(ms: number, closing: AbortSignal): Promise<void> {
  // Woken early is as good as waited: the caller looks at the signal.
  await delay(ms, undefined, { signal: closing }).catch(() => undefined);
}
