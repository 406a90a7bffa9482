/** Step 1: node_modules is what package-lock.json says. */
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import { announce, run } from "./command.mjs";
import { isRightMissing } from "./writable.mjs";

export function packagesStep(root) {
  const { isDone, install } = npmPackages(root);
  return {
    isDone,
    writes: () => [root, join(root, "node_modules")],
    run: () => announce("Installing packages (npm ci)", install),
  };
}

/**
 * The packages of one lock file. `words` are given to npm.
 *
 * `isDone()` says whether they are installed. `install()` throws a `BootstrapError` where npm fails.
 */
export function npmPackages(directory, words = []) {
  const lockFile = join(directory, "package-lock.json");
  // Inside node_modules, and written last: `npm ci` begins by removing the one and thus the other.
  const stamp = join(directory, "node_modules", ".bootstrap-packages");
  const wanted = () => [fingerprint(lockFile), ...words].join(" ");

  const isDone = () => {
    if (readOr(stamp, "") === wanted()) return true;
    if (!isInstalledByHand(directory, lockFile)) return false;
    try {
      writeFileSync(stamp, wanted());
    } catch (error) {
      // It only saves the next look.
      if (!isRightMissing(error)) throw error;
    }
    return true;
  };

  const install = async () => {
    const failure = "npm could not install the packages: see above, then try again.";
    try {
      await run(...npm("ci", ...words), { cwd: directory, failure });
    } catch (error) {
      if (!error.message.includes("EUSAGE")) throw error;
      // A lock file written where the registry lacks other platforms' binaries names only some of
      // them, and `npm ci` then refuses it whole. `npm install` keeps to it as far as it goes.
      rmSync(join(directory, "node_modules"), { recursive: true, force: true });
      console.log("  package-lock.json is incomplete; trying npm install ...");
      await run(...npm("install", "--no-save", ...words), { cwd: directory, failure });
    }
    writeFileSync(stamp, wanted());
  };

  return { isDone, install };
}

/** Some packages are binaries of one platform; a checkout may be shared between two. */
function fingerprint(lockFile) {
  const hash = createHash("sha256").update(readFileSync(lockFile)).digest("hex");
  return `${hash} ${process.platform}-${process.arch}`;
}

/**
 * Did the user run `npm install` or `npm ci` themselves? npm leaves its own account of what it
 * installed, again as the last thing it does.
 */
function isInstalledByHand(directory, lockFile) {
  const installed = packagesIn(join(directory, "node_modules", ".package-lock.json"));
  return Object.entries(packagesIn(lockFile))
    .filter(([path, { optional }]) => path.startsWith("node_modules/") && !optional)
    .every(([path, { version, integrity }]) => {
      const found = installed[path];
      return found !== undefined && found.version === version && found.integrity === integrity;
    });
}

function packagesIn(lockFile) {
  try {
    return JSON.parse(readOr(lockFile, "{}")).packages ?? {};
  } catch {
    return {}; // cut off in the middle of being written
  }
}

/** Command and arguments, with the npm that runs this script if it is one, else that on the PATH. */
function npm(...words) {
  // Development packages build and test, so they are needed whatever NODE_ENV says.
  const args = [...words, "--include=dev", "--no-audit", "--no-fund"];
  const path = env.npm_execpath ?? "";
  return path.endsWith("npm-cli.js") ? [process.execPath, [path, ...args]] : ["npm", args];
}

export function readOr(path, otherwise) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return otherwise;
    throw error;
  }
}
