/** The system's own packages: from apt-get as root, or from Homebrew. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { ask, run } from "./command.mjs";

/**
 * The installer of this machine; undefined where there is none that this user may run. `key` is `apt` or `brew`.
 * `install(names, hint)` throws a `BootstrapError` that ends in the hint.
 */
export function installer() {
  if (process.platform === "darwin" && ask("brew", ["--version"])) {
    return { key: "brew", name: "Homebrew", install: withHomebrew };
  }
  const isRoot = process.getuid?.() === 0;
  return isRoot && ask("apt-get", ["--version"])
    ? { key: "apt", name: "apt-get", install: withAptGet }
    : undefined;
}

async function withHomebrew(names, hint = "") {
  await run("brew", ["install", "--quiet", ...names], {
    env: { HOMEBREW_NO_AUTO_UPDATE: "1", HOMEBREW_NO_ENV_HINTS: "1" },
    failure: `brew install ${names.join(" ")} failed: see above. ${hint}`.trimEnd(),
  });
}

async function withAptGet(names, hint = "") {
  const options = {
    env: { DEBIAN_FRONTEND: "noninteractive" },
    failure: `apt-get could not install ${names.join(", ")}: see above. ${hint}`.trimEnd(),
  };
  // Part of the lists may fail to refresh and the package be there all the same.
  await run("apt-get", ["update"], options).catch(() => undefined);
  await withoutServices(() =>
    run("apt-get", ["install", "-y", "--no-install-recommends", ...names], options),
  );
}

/** Only the programs are wanted: the packages of servers would also start them, now and at every boot. */
async function withoutServices(work) {
  const policy = "/usr/sbin/policy-rc.d";
  const isOurs = !existsSync(policy);
  if (isOurs) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  const remove = () => rmSync(policy, { force: true });
  if (isOurs) process.once("exit", remove);
  try {
    await work();
  } finally {
    if (isOurs) remove();
    process.off("exit", remove);
  }
}
