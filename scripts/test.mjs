/**
 * `npm test`: every suite that can run here, with a small N. `npm run test:long`: the suites of `tests/suites.ts` with
 * their full N. Words behind `--` go to Vitest: `npm test -- tests/e2e/v1.test.ts`.
 *
 * A test that fails is run once more, alone. The end says what was left out and why, what is flaky, what failed.
 */
import { chooseProjects } from "./test/choose-projects.mjs";
import { tryAgain } from "./test/second-try.mjs";
import { summarize } from "./test/summary.mjs";
import { runVitest } from "./test/vitest.mjs";

const words = process.argv.slice(2);
if (words.includes("--full")) process.env.TEST_SIZE = "full";
// One for both tries of a test, or a fault that few draws show would pass for a flaky test.
process.env.ORACLE_SEED ??= String(Date.now() % 0x7fffffff);
const given = words.filter((word) => word !== "--full");
const isChosen = given.some((word) => /^--(project|config|root)\b/.test(word));
const { chosen, leftOut } = isChosen ? { chosen: [], leftOut: [] } : chooseProjects();

const outcome = await runVitest([...chosen.map((name) => `--project=${name}`), ...given]);
if (outcome === undefined) {
  console.log("\nVitest ended without a report: see above.\n\n0 passed, 1 failed");
  process.exit(1);
}
const settings = given.filter((word) => /^--(config|root)=/.test(word));
const apart = await tryAgain([...outcome.failed, ...outcome.broken], settings);
process.exitCode = summarize(outcome, apart, leftOut) ? 0 : 1;
