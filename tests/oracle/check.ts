/** Compares, for one plan, what came out with what is right. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import type { Decode } from "./decode.ts";
import type { Plan } from "./plan.ts";
import { rightAnswer } from "./right-answer.ts";
import { type Body, writeBody } from "./write-bytes.ts";

/** Runs a decoder over N streams. @returns what it got wrong first, as a report; undefined for nothing */
export async function checkDecoder(
  decode: Decode,
  plans: fc.Arbitrary<Plan>,
  settings: { readonly seed: number; readonly numRuns: number; readonly endOnFailure?: boolean },
  also?: (plan: Plan, body: Body) => Promise<void>,
): Promise<string | undefined> {
  const property = fc.asyncProperty(plans, async (plan) => {
    const body = writeBody(plan);
    expectSame(await decode(body, plan), rightAnswer(plan), body);
    await also?.(plan, body);
  });
  const { failed, errorInstance, counterexample, numRuns } = await fc.check(property, settings);
  if (!failed) return undefined;
  const what = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return `stream ${numRuns} of ORACLE_SEED=${settings.seed}: ${what}\nas planned by ${JSON.stringify(counterexample)}`;
}

/** @throws Error that shows the stream with both answers */
export function expectSame(got: unknown, right: unknown, { plain }: Body): void {
  if (isDeepStrictEqual(got, right)) return;
  const shown = Buffer.from(plain).toString();
  throw new Error(
    `got ${JSON.stringify(got)}\nnot ${JSON.stringify(right)}\nof ${JSON.stringify(shown)}`,
  );
}
