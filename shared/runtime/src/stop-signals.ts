/**
 * One Ctrl-C may arrive twice: the terminal signals the whole process group, and npm passes its own
 * copy on. Only a later one is a second wish.
 */
const SAME_SIGNAL_MS = 1_000;

export interface StopSignals {
  /** Called once, with the signal's name: leave in good order. */
  readonly onFirst: (signal: string) => void;
  /** Called for every later wish: leave at once. */
  readonly onAgain: (signal: string) => void;
  /** Whether a closed terminal is a wish to stop as well. */
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
