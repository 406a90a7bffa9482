/**
 * How long to wait before the next try: "full jitter", anything between nothing and a ceiling that
 * doubles with every failure. Clients that lost one server together must not come back together.
 */
const FIRST_CEILING_MS = 100;
/**
 * A gateway keeps a run for 10 s without its client. So the waits stay short enough for several tries
 * within that time.
 */
const HIGHEST_CEILING_MS = 3_000;

/** @param failures in a row, from 0; @returns milliseconds */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  return random() * Math.min(HIGHEST_CEILING_MS, FIRST_CEILING_MS * 2 ** failures);
}
