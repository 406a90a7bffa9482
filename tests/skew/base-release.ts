/** The release before this one, built: it runs beside this one while a cluster is brought up to date. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { env, execPath } from "node:process";

// The shape is that of the file beside this one, which each release moves on.
const { commit } = JSON.parse(readFileSync(new URL("base.json", import.meta.url), "utf8")) as {
  /** Full hash. */
  readonly commit: string;
};

/** Why it cannot be had here; undefined where it can. */
export function reasonAgainstBase(): string | undefined {
  const { status } = spawnSync("git", ["cat-file", "-e", `${commit}^{commit}`], {
    timeout: 10_000,
  });
  return status === 0 ? undefined : `this checkout has no history back to ${commit.slice(0, 12)}`;
}

/**
 * Answers the root of a checkout of that release whose services are built. A checkout that is built is kept.
 *
 * @throws with what was printed, where a command fails
 */
export function buildBase(): string {
  const root = resolve(".run", "skew", commit.slice(0, 12));
  // Made last.
  const built = join(root, ".built");
  if (existsSync(built)) return root;
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  const maxBuffer = 256 * 1024 * 1024;
  const archive = execFileSync("git", ["archive", "--format=tar", commit], { maxBuffer });
  execFileSync("tar", ["-x", "-C", root], { input: archive });
  install(root);
  const turbo = resolve("node_modules/turbo/bin/turbo");
  execFileSync(execPath, [turbo, "run", "build", "--output-logs=errors-only"], {
    cwd: root,
    env: { ...env, TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1" },
    stdio: "pipe",
  });
  mkdirSync(built);
  return root;
}

/** Node looks for packages upwards too: where both need the same ones, those of this checkout serve. */
function install(root: string): void {
  if (packagesOf(root) !== packagesOf(".")) {
    execFileSync("npm", ["ci", "--include=dev", "--no-audit", "--no-fund"], {
      cwd: root,
      stdio: "pipe",
    });
    return;
  }
  const scope = join(root, "node_modules", "@openclaw");
  mkdirSync(scope, { recursive: true });
  for (const part of ["shared", "services"]) {
    for (const name of readdirSync(join(root, part))) {
      symlinkSync(relative(scope, join(root, part, name)), join(scope, name));
    }
  }
}

/** All that the lock file says of packages which are not this repository's own. */
function packagesOf(root: string): string {
  // The shape is npm's.
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { readonly link?: boolean }>;
  };
  const foreign = Object.entries(packages).filter(([path, { link }]) => {
    return path.startsWith("node_modules/") && link !== true;
  });
  return JSON.stringify(foreign);
}
