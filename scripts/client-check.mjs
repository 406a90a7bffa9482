/**
 * `npm run client:check`: whether `@openclaw/client`, packed as it would be published, can be used. Every resolver of
 * types and modules that reads ES modules must accept it, and every other must not.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const WORKSPACE = "shared/client";
const directory = mkdtempSync(join(tmpdir(), "openclaw-client-"));
const inherit = { stdio: "inherit" };
try {
  const packed = execFileSync("npm", [
    ...["pack", "--silent", "--workspace", WORKSPACE, "--pack-destination", directory],
  ]);
  const tarball = join(directory, String(packed).trim());
  execFileSync("npx", ["--no", "publint", "run", tarball, "--strict"], inherit);
  execFileSync("npx", ["--no", "attw", tarball, "--profile", "esm-only"], inherit);
} catch (error) {
  // The tools have said what is wrong; anything else is a fault of this script.
  if (error.status === undefined) throw error;
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
