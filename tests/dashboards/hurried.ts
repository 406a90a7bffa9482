/**
 * Rules as they are, but for time: they look at five seconds instead of five minutes. So a test sees within a minute
 * what takes an hour. Thresholds and logic stay.
 */

/** One minute becomes a second. */
const TIMES = 60;

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** @param rules the contents of a rule file */
export function hurried(rules: string): string {
  return (
    rules
      .replace(/\[[\w:]+\]/g, (range) =>
        range.replace(/(\d+)([smhd])/g, (_, count, unit) => shorter(count, unit)),
      )
      .replace(/\b(for:|interval:|offset) (\d+)([smhd])\b/g, (_, key, count, unit) => {
        return `${key} ${shorter(count, unit)}`;
      })
      // A rate times its window in seconds: how many there were.
      .replace(/\* (\d+) >/g, (_, seconds) => `* ${Number(seconds) / TIMES} >`)
  );
}

function shorter(count: string, unit: string): string {
  const seconds = Number(count) * SECONDS[unit as keyof typeof SECONDS];
  return `${Math.round((1_000 * seconds) / TIMES)}ms`;
}
