import type { TimedText } from "../staged-answer.ts";

/**
 * Two streams in one response: the first breaks off in the middle of its last event, and after a
 * pause the second follows, glued on.
 */
export function* spliced(
  first: Iterable<TimedText>,
  second: Iterable<TimedText>,
  pauseMs: number,
): Generator<TimedText> {
  let broken: TimedText | undefined;
  for (const event of first) {
    if (broken !== undefined) yield broken;
    broken = event;
  }
  const { atMs = 0, text = "" } = broken ?? {};
  yield { atMs, text: text.slice(0, text.length / 2) };
  for (const event of second) yield { ...event, atMs: atMs + pauseMs + event.atMs };
}
