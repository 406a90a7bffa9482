/**
 * Vitest's reporter for the runner. It writes to `TEST_OUTCOME`, as JSON, every test that did not pass, with its errors
 * or the reason why it was skipped. It also writes how many passed, and how long each project took.
 *
 * The JSON reporter of Vitest lacks a test's project, the reason of a skipped test, and errors outside of tests.
 */
import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** Lines of an error that are kept: the message, how values differ, and the first frames. */
const MOST_LINES = 24;
const FOREIGN_FRAME = /^\s*at .*node_modules/;

// Vitest finds a reporter by its file, and there only as the default.
export default class OutcomeReporter {
  /** By project, in milliseconds of the clock: when its first file began and its last one ended. */
  #spans = new Map();

  onTestModuleStart({ project }) {
    const now = performance.now();
    const span = this.#spans.get(project.name) ?? { from: now, to: now };
    this.#spans.set(project.name, span);
  }

  onTestModuleEnd({ project }) {
    const span = this.#spans.get(project.name);
    if (span) span.to = performance.now();
  }

  onTestRunEnd(modules, unhandled) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const stateOf = (test) => test.result().state;
    const broken = modules.flatMap(brokenIn);
    // A hook that failed leaves the tests behind it out, for no reason of their own.
    const isWhole = ({ module }) => !broken.some(({ file }) => file === module.relativeModuleId);
    const outcome = {
      passed: tests.filter((test) => stateOf(test) === "passed").length,
      failed: tests
        .filter((test) => stateOf(test) !== "passed" && stateOf(test) !== "skipped")
        .map((test) => ({ ...named(test), errors: linesOf(test.result().errors ?? []) })),
      skipped: tests
        .filter((test) => stateOf(test) === "skipped" && isWhole(test))
        .map((test) => ({ ...named(test), reason: test.result().note })),
      broken,
      unhandled: unhandled.map((error) => linesOf([error])),
      seconds: Object.fromEntries(
        [...this.#spans].map(([name, { from, to }]) => [name, Math.round((to - from) / 1_000)]),
      ),
    };
    writeFileSync(process.env.TEST_OUTCOME, JSON.stringify(outcome));
  }
}

/** `pattern` is what Vitest's `--testNamePattern` compares with: all titles, with a space between. */
function named(test) {
  const titles = [test.name];
  for (let at = test.parent; at.type === "suite"; at = at.parent) titles.unshift(at.name);
  return {
    project: test.project.name,
    file: test.module.relativeModuleId,
    name: titles.join(" > "),
    pattern: titles.join(" "),
  };
}

/** A file, or a group of tests in it, that failed by itself: while it was loaded, or in a hook. */
function brokenIn(module) {
  const errors = [module, ...module.children.allSuites()].flatMap((suite) => suite.errors());
  if (errors.length === 0) return [];
  const { project, relativeModuleId: file } = module;
  return [{ project: project.name, file, name: "", errors: linesOf(errors) }];
}

function linesOf(errors) {
  return errors
    .flatMap(({ name, message, diff, stacks = [] }) => [
      `${name ?? "Error"}: ${message}`,
      ...(diff ? [diff] : []),
      ...stacks.map(({ file, line, method }) => `    at ${method} ${relative(".", file)}:${line}`),
    ])
    .flatMap((text) => stripVTControlCharacters(text).split("\n"))
    .filter((line) => line.trim() !== "" && !FOREIGN_FRAME.test(line))
    .slice(0, MOST_LINES);
}
