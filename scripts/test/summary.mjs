/** What `npm test` says at its end: what was left out and why, what is flaky, what failed, and the counts. */

/** So many are a warning, to be mended; more fail the run. */
export const MOST_FLAKY = 2;

const MOST_LINES = 80;
const MOST_LINES_EACH = 20;

/**
 * @param outcome of the first run
 * @param apart its failures: `flaky` and `failed`
 * @param leftOut `{what, reason}` of what was not begun at all
 * @returns whether the run may land
 */
export function summarize(outcome, { flaky, failed }, leftOut) {
  const missing = [...leftOut, ...skippedByReason(outcome.skipped)];
  section(
    "Left out",
    missing.map(({ what, reason }) => `${what}: ${reason}`),
  );
  section("Minutes", [minutesOf(outcome.seconds)]);
  section("Flaky: failed, then passed alone", told(flaky));
  section("Failed", told([...failed, ...outcome.unhandled.map(outsideOfTests)]));

  const isTooFlaky = flaky.length > MOST_FLAKY;
  if (isTooFlaky) console.log(`\nMore than ${MOST_FLAKY} flaky tests count as failures.`);
  const bad = failed.length + outcome.unhandled.length + (isTooFlaky ? flaky.length : 0);
  if (flaky.length > 0) console.log(`\nflaky: ${flaky.length}`);
  const skipped = outcome.skipped.length > 0 ? `, ${outcome.skipped.length} skipped` : "";
  console.log(`\n${outcome.passed} passed, ${bad} failed${skipped}`);
  return bad === 0 && outcome.passed > 0;
}

function section(title, lines) {
  if (lines.length > 0) console.log(`\n${title}:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

/** One line for each reason, however many tests have it. */
function skippedByReason(skipped) {
  const byReason = new Map();
  for (const { file, reason = "no reason given" } of skipped) {
    const files = byReason.get(reason) ?? [];
    byReason.set(reason, [...files, file]);
  }
  return [...byReason].map(([reason, files]) => ({
    what: `${files.length} tests of ${[...new Set(files)].join(", ")}`,
    reason,
  }));
}

function minutesOf(seconds) {
  const parts = Object.entries(seconds).map(([name, took]) => `${name} ${(took / 60).toFixed(1)}`);
  return parts.join(", ");
}

function told(failures) {
  const linesEach = Math.min(MOST_LINES_EACH, Math.floor(MOST_LINES / failures.length) - 1);
  return failures.flatMap(({ project, file, name, errors }) => [
    [project, file, name].filter((part) => part !== "").join(" > "),
    ...errors.slice(0, Math.max(1, linesEach)).map((line) => `    ${line}`),
  ]);
}

const outsideOfTests = (errors) => ({ project: "", file: "outside of tests", name: "", errors });
