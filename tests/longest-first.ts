import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { isFull, SUITES, type Suite } from "./suites.ts";

/** Begins with the suites that take longest, so that no long one is left to run alone at the end of its group. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => minutesOf(other) - minutesOf(one));
  }
}

const minutes = new Map(
  Object.values<Suite>(SUITES).map((suite) => [
    suite.file,
    isFull ? suite.minutes.full : suite.minutes.gate,
  ]),
);

function minutesOf({ moduleId }: TestSpecification): number {
  return minutes.get(relative(process.cwd(), moduleId)) ?? 0;
}
