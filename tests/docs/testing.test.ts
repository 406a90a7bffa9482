/**
 * Writes the table of docs/testing.md from `tests/suites.ts`, and fails when the page is not what it says.
 * `npm test -- --update` brings it up to date.
 */
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { SUITES, type Suite } from "../suites.ts";

const PAGE = "docs/testing.md";
const suites = Object.entries<Suite>(SUITES);

function table(): string {
  const rows = suites.map(([name, { file, counts, gate, full, minutes, alone }]) => {
    const [small, large] = [minutes.gate.toFixed(1), minutes.full.toFixed(1)];
    const where = `[${name}](../${file})`;
    return `| ${where} | ${counts} | ${gate} | ${full} | ${small} | ${large} | ${alone ? "alone" : ""} |`;
  });
  return [
    "| suite | N counts | N in `npm test` | N in full | minutes | minutes in full | |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

test("docs/testing.md has the table of suites", async () => {
  const page = readFileSync(PAGE, "utf8").replace(
    /(<!-- suites -->\n).*(<!-- \/suites -->)/s,
    (_, begin: string, end: string) => `${begin}${table()}\n${end}`,
  );
  await expect(page).toMatchFileSnapshot(`../../${PAGE}`);
});

test.each(suites)("%s: its file is there and reads its N from the table", (name, { file }) => {
  expect(existsSync(file)).toBe(true);
  expect(readFileSync(file, "utf8")).toContain(`sizeOf("${name}")`);
});
