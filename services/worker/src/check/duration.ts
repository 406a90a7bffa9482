/** A duration as people read it: `7 ms`, `1.25 s`. */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.max(1, Math.round(ms))} ms`;
  return `${Number((ms / 1_000).toFixed(2))} s`;
}
