import { expect, test } from "vitest";
import { Questions } from "./questions.ts";
import type { Answer, Temperature } from "./report.ts";

const TARGET = { firstTextMs: 100, fullMs: 1_000 };

const took = (firstTextMs: number, connection: Temperature = "cold"): Answer => ({
  ...{ connection, firstTokenMs: firstTextMs, firstTextMs, fullMs: 500 },
  ...{ pieces: 20, streamedMs: 300 },
});

test.each([
  ["one that is good enough is the only one", [took(90), took(10)], 1, 90],
  ["after a slow one a faster one counts", [took(300), took(200)], 2, 200],
  ["after a slow one a slower one does not", [took(200), took(300)], 2, 200],
  ["one on the wrong connection is asked for again", [took(50, "warm"), took(90)], 2, 90],
  ["the right connection counts more than the time", [took(300), took(50, "warm")], 2, 300],
])("%s", async (_, answers, asked, expectedMs) => {
  const left = [...answers];
  const questions = new Questions(async () => left.shift() ?? took(Number.NaN));
  await questions.ask("cold", TARGET);
  expect([questions.asked, questions.answers.cold?.firstTextMs]).toEqual([asked, expectedMs]);
});
