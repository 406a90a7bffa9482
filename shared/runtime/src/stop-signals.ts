/**
 * One Ctrl-C may arrive twice: the terminal signals the whole process group, and npm passes its own
 * copy on. Only a later signal is a second request to stop.
 */
const SAME_SIGNAL_MS = 1_000;

export interface StopSignals {
  /** Called once, with the signal's name: leave in good order. */
  readonly onFirst: (signal: string) => void;
  /** Called for every later signal: leave at once. */
  readonly onAgain: (signal: string) => void;
  /** Whether a closed terminal is a request to stop as well. */
  readonly hangup?: boolean;
}

/** Listens for SIGTERM and SIGINT, and SIGHUP if asked, for the rest of this process's life. */
export function listenForStopSignals({ onFirst, onAgain, hangup = false }: StopSignals): void {
  let firstAt: number | undefined;
  const onSignal = (signal: string) => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      onFirst(signal);
    } else if (performance.now() - firstAt >= SAME_SIGNAL_MS) onAgain(signal);
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  if (hangup) process.on("SIGHUP", onSignal);
}

/**
 * Calls `onHangup` for each SIGHUP, by which operators tell a service to read its configuration again.
 * While there is a listener, neither the signal nor a closed terminal ends the process.
 *
 * @returns stops listening
 */
export function listenForHangup(onHangup: () => void): () => void {
  process.on("SIGHUP", onHangup);
  return () => void process.off("SIGHUP", onHangup);
}
