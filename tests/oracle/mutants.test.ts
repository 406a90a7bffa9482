/** The oracle itself is judged: it has to find each of the faults that a hand has planted into the decoder. */
import { beforeEach, expect, test } from "vitest";
import { sizeOf } from "../suites.ts";
import { checkDecoder } from "./check.ts";
import { mutants, withMutant } from "./mutants.ts";
import { PLANS } from "./plan.ts";

/** As many streams as are drawn with every change: what they do not find would get through. */
const STREAMS = 20_000;
const seed = Number(process.env.ORACLE_SEED ?? Date.now() % 0x7fffffff);
const patches = await mutants();

beforeEach(({ skip }) => skip(sizeOf("oracle-mutants") === 0, "left to npm run test:long"));

test("there are as many mutants as the table says", () => {
  expect(patches).toHaveLength(sizeOf("oracle-mutants"));
});

test("nothing is found in the decoder as it is, built the same way", async () => {
  const settings = { seed, numRuns: 1_000 };
  expect(
    await withMutant(undefined, (same) => checkDecoder(same, PLANS, settings)),
  ).toBeUndefined();
});

test.each(patches)("%s is found", async (patch) => {
  const settings = { seed, numRuns: STREAMS, endOnFailure: true };
  const report = await withMutant(patch, (mutant) => checkDecoder(mutant, PLANS, settings));
  expect(report).toMatch(/^stream \d+ of ORACLE_SEED=\d+: got .+/);
});
