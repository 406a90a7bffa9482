/** Which Node the newest libraries run under, and why their columns are left out where there is none. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export type LaterNode =
  | { readonly path: string; readonly missing?: undefined }
  | { readonly path?: undefined; readonly missing: string };

/**
 * The Node of this process where it is late enough, otherwise the Node of npm's package, which bootstrap installs.
 */
export function findLaterNode(): LaterNode {
  if (!existsSync(pathOf("node_modules/openai"))) {
    return { missing: "tests/clients/newest is not installed: npm run clients:check installs it" };
  }
  const { engines } = JSON.parse(readFileSync(pathOf("package.json"), "utf8"));
  const oldest = String(engines.node).replace(">=", "");
  if (isAtLeast(process.versions.node, oldest)) return { path: process.execPath };
  const { platform, arch } = process;
  const path = pathOf(`node_modules/node-${platform}-${arch}/bin/node`);
  const { status } = spawnSync(path, ["--version"], { timeout: 10_000 });
  if (status === 0) return { path };
  return {
    missing: `they need Node ${oldest}; this is ${process.versions.node}, and none from npm runs on this ${platform} ${arch}`,
  };
}

function isAtLeast(version: string, oldest: string): boolean {
  return version.localeCompare(oldest, "en", { numeric: true }) >= 0;
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
