/**
 * The decoder of answers against two judges. The generator of the streams knows what they say. The official `openai`
 * library accumulates the same bytes. `ORACLE_SEED` runs the streams of an earlier run again.
 */
import { afterAll, expect, test } from "vitest";
import { sizeOf } from "../suites.ts";
import { checkDecoder, expectSame } from "./check.ts";
import { decode } from "./decode.ts";
import { DEVIATIONS, deviatesFrom } from "./deviations.ts";
import { askLibrary } from "./library.ts";
import { ODD_PLANS, PLANS } from "./plan.ts";
import { type Answer, type Right, rightAnswer } from "./right-answer.ts";

const STREAMS = sizeOf("oracle");
const seed = Number(process.env.ORACLE_SEED ?? Date.now() % 0x7fffffff);
/** Far above what a busy machine takes for all of them. */
const LIMIT_MS = 900_000;
/** Of all streams, on so many the library must have been asked. */
const LEAST_SHARE = 0.7;

afterAll(() => console.log(`oracle: ORACLE_SEED=${seed}`));

test("every stream is decoded as its generator and the openai library say", {
  timeout: LIMIT_MS,
}, async () => {
  const seen = new Set<string>();
  const counts = { streams: 0, compared: 0 };
  const report = await checkDecoder(
    decode,
    PLANS,
    { seed, numRuns: STREAMS },
    async (plan, body) => {
      counts.streams += 1;
      for (const { reason, matches } of DEVIATIONS) if (matches(plan)) seen.add(reason);
      if (deviatesFrom(plan)) return;
      counts.compared += 1;
      expectSame(await askLibrary(body), codeless(rightAnswer(plan)), body);
    },
  );
  expect(report).toBeUndefined();
  const share = counts.compared / counts.streams;
  console.log(`oracle: the library had its say on ${(100 * share).toFixed(1)} % of the streams`);
  expect(share).toBeGreaterThan(LEAST_SHARE);
  // A deviation that no stream shows is no reason for anything.
  expect(DEVIATIONS.map(({ reason }) => reason).filter((reason) => !seen.has(reason))).toEqual([]);
});

test("so are the streams of providers that are odd in many ways at once", {
  timeout: LIMIT_MS,
}, async () => {
  const settings = { seed, numRuns: STREAMS / 4 };
  expect(await checkDecoder(decode, ODD_PLANS, settings)).toBeUndefined();
});

/** All failures are one to the library. */
function codeless(right: Right): Answer | { readonly code: string } {
  return "code" in right ? { code: "failed" } : right;
}
