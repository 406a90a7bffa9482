/**
 * Runs every test that failed once more, alone. A test that passes then is flaky: a fault of the test, or a race in
 * the product.
 */
import { runVitest } from "./vitest.mjs";

/** With more failures than this something is broken, and a second try would only cost time. */
const MOST_TRIED_AGAIN = 10;

/**
 * @param failures tests that failed, and with an empty name files that did outside of their tests
 * @param args of `vitest run`, without files
 * @returns the same failures, apart: those that passed alone, and those that failed again
 */
export async function tryAgain(failures, args) {
  if (failures.length > MOST_TRIED_AGAIN) return { flaky: [], failed: failures };
  const apart = { flaky: [], failed: [] };
  for (const file of new Set(failures.map((failure) => failure.file))) {
    const ofFile = failures.filter((failure) => failure.file === file);
    console.log(`\nOnce more, alone: ${file}`);
    const outcome = await runVitest([...args, file, ...selecting(ofFile)]);
    for (const failure of ofFile) {
      apart[passedIn(outcome, failure) ? "flaky" : "failed"].push(failure);
    }
  }
  return apart;
}

/** The whole file, where it failed outside of its tests. */
function selecting(failures) {
  if (failures.some(({ name }) => name === "")) return [];
  const patterns = failures.map(({ pattern }) => pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return ["--testNamePattern", `^(?:${patterns.join("|")})$`];
}

function passedIn(outcome, { file, name }) {
  if (outcome === undefined || outcome.passed === 0 || outcome.unhandled.length > 0) return false;
  if (outcome.broken.length > 0) return false;
  return !outcome.failed.some(
    (other) => other.file === file && (name === "" || other.name === name),
  );
}
