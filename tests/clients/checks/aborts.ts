/** Clients that leave, by the clock: these cells run one by one, when nothing else does. */
import { directive } from "@openclaw/simulator";
import { expect } from "vitest";
import type { Bench, Check } from "../bench.ts";
import type { Reader } from "../chat-client.ts";

/** After a client has left, its run is not asked for again, and its request at the provider ends. */
async function expectLeft(
  bench: Bench,
  prompt: string,
  leaveWhen: (leave: () => void) => Reader["onText"],
): Promise<void> {
  const over = bench.world.overAt(prompt);
  const leaving = new AbortController();
  let leftAt = Number.NaN;
  const onText = leaveWhen(() => {
    if (leaving.signal.aborted) return;
    leftAt = performance.now();
    leaving.abort();
  });
  const reader = { onText, signal: leaving.signal };
  const answer = bench.client().stream(bench.question(prompt), reader);
  await expect(answer).rejects.toThrow(/abort|cancel/i);
  expect((await over) - leftAt).toBeLessThan(500);
  if (bench.speaksHttp) expect(bench.wire.exchanges).toHaveLength(1);
}

const abortInAnswer: Check = async (bench) => {
  const prompt = directive({ words: 5_000, seed: bench.world.nextSeed(), gapMs: 20 });
  await expectLeft(bench, prompt, (leave) => leave);
};

const abortBefore: Check = async (bench) => {
  const prompt = directive({ words: 1, seed: bench.world.nextSeed(), hang: true });
  await expectLeft(bench, prompt, (leave) => {
    bench.world.begun(prompt).then(leave);
    return undefined;
  });
};

export const ABORTS = {
  "abort in the answer closes the upstream request within 500 ms": abortInAnswer,
  "abort before the answer closes it as soon": abortBefore,
} satisfies Record<string, Check>;
