import type { V2Client } from "./v2-client.ts";

/** One answer by a clock of the user's own. */
export interface TimedAnswer {
  /** Seconds from asking to the first text, and to the end. */
  readonly firstText: number;
  readonly whole: number;
  readonly text: string;
}

/** Asks once, and waits for the end. */
export async function askTimed(
  user: V2Client,
  prompt: string,
  provider: string,
): Promise<TimedAnswer> {
  const at = new Map<string, number>();
  user.onFrame = (frame) => {
    if (!("run" in frame)) return;
    const key = `${frame.type} ${frame.run}`;
    if (!at.has(key)) at.set(key, performance.now());
  };
  const askedAt = performance.now();
  const run = await user.run(prompt, provider);
  await user.end(run);
  const since = (type: string) => ((at.get(`${type} ${run.id}`) ?? Number.NaN) - askedAt) / 1_000;
  return { firstText: since("delta"), whole: since("done"), text: run.text };
}
