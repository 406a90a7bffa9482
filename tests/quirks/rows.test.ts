/** The table of quirks has 51 rows, and each has a test here that says which row it is. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const ROWS = 51;

test("every row of the table has a test", () => {
  const named = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => readFileSync(`${import.meta.dirname}/${name}`, "utf8"))
    .flatMap((text) => [...text.matchAll(/["`]quirk (\d+): /g)].map(([, row]) => Number(row)));
  const rows = Array.from({ length: ROWS }, (_, index) => index + 1);
  expect([...new Set(named)].toSorted((a, b) => a - b)).toEqual(rows);
});
