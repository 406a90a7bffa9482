/** Settings, metrics and log phrases that a page names exist under that name. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CATALOGUE } from "@openclaw/metrics";
import { expect, test } from "vitest";
import { ROOT, sourcesOf } from "../architecture/sources.ts";

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

const pages = ["README.md", "PROTOCOL.md"].concat(
  readdirSync(join(ROOT, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
);

const sources = sourcesOf("services", "shared").filter(({ path }) => !path.endsWith(".test.ts"));
const settings = [
  ...sources.map(({ text }) => text),
  ...["docker-compose.yml", ".env.example"].map(read),
  // A variable of the shell in an example.
  "GATEWAY_PASSWORD",
].join("\n");

test.each(pages)("%s names settings that are read", (page) => {
  const named = read(page).match(
    /\b(?:EDGE|WORKER|REDIS|GATEWAY|SIMULATOR|RESUME|LOG)_[A-Z][A-Z_]*[A-Z]\b/g,
  );
  const unknown = new Set(named?.filter((name) => !new RegExp(`\\b${name}\\b`).test(settings)));
  expect([...unknown]).toEqual([]);
});

test.each(pages)("%s names metrics that are in the catalogue", (page) => {
  const named = read(page).match(/\b(?:openclaw|gen_ai)_\w+/g) ?? [];
  const names = named.map((name) => name.replace(/_(?:sum|count|bucket)$/, ""));
  const unknown = names.filter((name) => !(name in CATALOGUE) && !name.endsWith("_"));
  expect(unknown).toEqual([]);
});

/** By the page that tells an operator to look for them. */
test.each([
  ["docs/operations.md", "run finished"],
  ["docs/operations.md", "attempt finished"],
  ["docs/operations.md", "not ready"],
  ["docs/operations.md", "ready again"],
  ["docs/operations.md", "provider not served"],
  ["docs/operations.md", "provider refuses the account, left alone until it does not"],
  ["docs/operations.md", "provider accepts the account again"],
  ["docs/operations.md", "descriptors for fewer connections than configured"],
  ["docs/operations.md", "traces cannot be exported"],
  ["docs/operations.md", "answered with a web page"],
  ["docs/operations.md", "collector rejects spans"],
  ["docs/operations.md", "redis refuses writes"],
  ["docs/architecture.md", "run given up, its workers were lost"],
  ["docs/deployment.md", "answers may take longer than the drain"],
  ["docs/troubleshooting.md", "configuration refused, the one before stays"],
  ["docs/troubleshooting.md", "redis does not answer in time"],
  ["docs/troubleshooting.md", "There is nothing to check"],
  ["docs/troubleshooting.md", "Redis does not allow the user"],
  ["docs/troubleshooting.md", "a key is blank"],
  ["docs/troubleshooting.md", "not asked, as it failed before"],
])("%s quotes a sentence of the code: %s", (page, sentence) => {
  expect(read(page).replace(/\s+/g, " ")).toContain(sentence);
  expect(sources.filter(({ text }) => text.includes(sentence)).map(({ path }) => path)).not.toEqual(
    [],
  );
});
