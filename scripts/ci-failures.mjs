/**
 * `node scripts/ci-failures.mjs DIRECTORY STEP...`: what went wrong in the steps of `.ci/run` that failed, in so few lines
 * that they are all among the last hundred.
 *
 * Of each step the directory holds the output, STEP.log, and where its tests count one by one the report of
 * vitest's JSON reporter, STEP.json. Neither has everything: the output tells how values differ, why a group was
 * never begun, and errors outside of tests; the report names who was skipped, and who failed in an output cut short.
 */
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

const MOST_LINES = 90;
const MOST_LINES_EACH = 20;

/** How vitest's default reporter tells of failures once all tests are over. */
const SECTION = /^⎯+ (.+?) ⎯+$/;
const FAILED = /^ FAIL +(.+)/;
const RULE = /^⎯+(\[\d+\/\d+\]⎯*)?$/;
/** Sections whose failures have a headline each. */
const HEADED = /^(Failed (Suites|Tests) \d+|Unhandled Errors)$/;
const CODE_FRAME = /^ +\d* *\|/;
const FOREIGN_FRAME = /^ +at .*node_modules/;

const [directory = "", ...steps] = process.argv.slice(2);
const failures = steps.flatMap(failuresOf);
const shown = failures.slice(0, MOST_LINES / 2);
const linesEach = Math.min(MOST_LINES_EACH, Math.floor(MOST_LINES / shown.length) - 1);
for (const { title, message } of shown) {
  console.log([title, ...message.slice(0, linesEach).map((line) => `    ${line}`)].join("\n"));
}
if (shown.length < failures.length) {
  console.log(`and ${failures.length - shown.length} more, which are told of above`);
}

/** `{title, message}` of each, the message in lines, those that tell most first. */
function failuresOf(step) {
  const output = linesOf(read(`${step}.log`));
  const told = toldBy(output);
  const titles = told.map(({ title }) => title).join("\n");
  const others = listedBy(read(`${step}.json`)).filter(({ name }) => !titles.includes(name));
  const all = [...told, ...others];
  if (all.length === 0)
    all.push({ title: "it ended with", message: output.slice(-MOST_LINES_EACH) });
  return all.map(({ title, message }) => ({ title: `${step}: ${title}`, message }));
}

function toldBy(output) {
  const told = [];
  let current;
  const begin = (title) => {
    current = { title, message: [] };
    told.push(current);
  };
  for (const line of output) {
    const section = SECTION.exec(line)?.[1];
    const failed = FAILED.exec(line)?.[1];
    if (section !== undefined) {
      if (HEADED.test(section)) current = undefined;
      else begin(section);
    } else if (failed !== undefined) begin(failed);
    else if (RULE.test(line)) current = undefined;
    else if (!CODE_FRAME.test(line)) current?.message.push(line);
  }
  return told;
}

/** Every test that did not pass. */
function listedBy(report) {
  if (report === "") return [];
  return JSON.parse(report).testResults.flatMap(({ name: path, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status !== "passed")
      .map(({ ancestorTitles, title, status, failureMessages }) => {
        const name = [relative(process.cwd(), path), ...ancestorTitles, title]
          .filter((part) => part !== "")
          .join(" > ");
        const message = linesOf(failureMessages[0] ?? "").filter(
          (line) => !FOREIGN_FRAME.test(line),
        );
        return { name, title: `${status}: ${name}`, message };
      }),
  );
}

function read(name) {
  const path = join(directory, name);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

function linesOf(text) {
  return stripVTControlCharacters(text)
    .split("\n")
    .filter((line) => line.trim() !== "");
}
