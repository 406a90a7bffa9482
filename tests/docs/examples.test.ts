/** Keeps what the examples ask people to install in step with what they are tested with. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const DIRECTORY = "docs/examples";

test("OpenAI's library is asked for in the major version that runs on the oldest Node we do", () => {
  const { devDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
  const [major] = devDependencies.openai.split(".");
  const pages = readdirSync(DIRECTORY).map((name) => readFileSync(`${DIRECTORY}/${name}`, "utf8"));
  const asked = pages.flatMap((page) => page.match(/(?<=npm install )openai[\w@.-]*/g) ?? []);
  expect(new Set(asked)).toEqual(new Set([`openai@${major}`]));
});
