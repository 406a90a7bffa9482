/** Step 3: every package is built from the sources as they are now. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { announce, run } from "./command.mjs";
import { readOr } from "./packages.mjs";

const SHARED_INPUTS = [
  "package-lock.json",
  "tsconfig.base.json",
  "turbo.json",
  "scripts/copy-lua.mjs",
];
const PACKAGE_INPUTS = ["package.json", "tsconfig.build.json", "src"];

const TURBO = "node_modules/turbo/bin/turbo";
const TURBO_ARGUMENTS = ["run", "build", "--output-logs=errors-only", "--log-order=grouped"];

export function buildStep(root) {
  const stamp = join(root, ".run", "bootstrap-build");

  const isDone = () => {
    const packages = packagesOf(root);
    const isBuilt = packages.every((directory) => existsSync(join(directory, "dist")));
    return isBuilt && readOr(stamp, "") === fingerprint(root, packages);
  };

  const build = async () => {
    // Taken before: what is edited while it builds is newer than what was built.
    const built = fingerprint(root, packagesOf(root));
    await run(process.execPath, [join(root, TURBO), ...TURBO_ARGUMENTS], {
      cwd: root,
      env: { TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1", DO_NOT_TRACK: "1" },
      failure: "The build failed: see above.",
    });
    mkdirSync(join(root, ".run"), { recursive: true });
    writeFileSync(stamp, built);
  };

  const writes = () => {
    const packages = packagesOf(root);
    return [join(root, ".turbo"), ...packages, ...packages.map((one) => join(one, "dist"))];
  };

  return { isDone, writes, run: () => announce("Building", build) };
}

function packagesOf(root) {
  return ["shared", "services"]
    .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
    .concat(join(root, "tests", "smoke"))
    .filter((directory) => existsSync(join(directory, "tsconfig.build.json")));
}

/**
 * Names, sizes and times of all sources. Any difference counts, not only a newer file. Another branch or a
 * restored backup may bring older ones, and a removed one has no time.
 */
function fingerprint(root, packages) {
  const hash = createHash("sha256");
  const add = (path) => {
    const { size, mtimeMs } = statSync(path);
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  };
  for (const name of SHARED_INPUTS) add(join(root, name));
  for (const directory of packages) {
    for (const name of PACKAGE_INPUTS) for (const path of filesAt(join(directory, name))) add(path);
  }
  return hash.digest("hex");
}

/** Tests are not built, so editing one costs no build. */
function filesAt(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
