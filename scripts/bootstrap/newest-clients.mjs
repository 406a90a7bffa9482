/**
 * Step 5, of tests alone: the newest majors of client libraries, and the later Node that they need on Linux.
 *
 * They have their own lock file, so `npm start` does not download them. Where npm fails, the summary of the tests
 * names the columns that are left out.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { versions } from "node:process";
import { announce } from "./command.mjs";
import { npmPackages } from "./packages.mjs";

export function newestClientsStep(root) {
  const directory = join(root, "tests", "clients", "newest");
  const { engines } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  // The optional packages are a later Node. A machine that has one does not download another.
  const oldest = engines.node.replace(">=", "");
  const isLate = versions.node.localeCompare(oldest, "en", { numeric: true }) >= 0;
  const words = ["--ignore-scripts", ...(isLate ? ["--omit=optional"] : [])];
  const { isDone, install } = npmPackages(directory, words);
  return {
    isDone,
    writes: () => [directory, join(directory, "node_modules")],
    run: () =>
      announce("Installing the newest client libraries for tests (npm ci)", () =>
        install().catch(({ message }) => console.log(message)),
      ),
  };
}
