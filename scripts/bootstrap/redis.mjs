/** Step 2: there is a Redis, 7 or later, to use or to start. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { env } from "node:process";
import { announce, ask, BootstrapError, run } from "./command.mjs";

const OLDEST_MAJOR = 7;
const SERVERS = ["redis-server", "valkey-server"];

export function redisStep() {
  return { isDone: () => Boolean(env.REDIS_URL) || isFound(), run: install };
}

function isFound() {
  return SERVERS.some((server) => majorOf(server) >= OLDEST_MAJOR);
}

/** 0 if it is not on the PATH. */
function majorOf(server) {
  return Number(/v=(\d+)/.exec(ask(server, ["--version"]) ?? "")?.[1] ?? 0);
}

async function install() {
  const old = SERVERS.find((server) => majorOf(server) > 0);
  if (old !== undefined) {
    // Replacing a Redis that someone may be using is not ours to decide.
    throw missing(`The ${old} found here is version ${majorOf(old)}; 7 or later is needed.`);
  }
  const how = installer();
  if (how === undefined) throw missing("Redis 7 or later is needed and was not found.");
  await announce(`Installing Redis (${how.name})`, how.install);
  if (!isFound()) throw missing(`${how.name} has no Redis 7 or later.`);
}

function installer() {
  if (process.platform === "darwin" && ask("brew", ["--version"])) {
    return { name: "Homebrew", install: withHomebrew };
  }
  const isRoot = process.getuid?.() === 0;
  return isRoot && ask("apt-get", ["--version"])
    ? { name: "apt-get", install: withAptGet }
    : undefined;
}

async function withHomebrew() {
  await run("brew", ["install", "--quiet", "redis"], {
    env: { HOMEBREW_NO_AUTO_UPDATE: "1", HOMEBREW_NO_ENV_HINTS: "1" },
    failure: "brew install redis failed: see above.",
  });
}

async function withAptGet() {
  const options = {
    env: { DEBIAN_FRONTEND: "noninteractive" },
    failure: "apt-get could not install redis-server: see above, or set REDIS_URL.",
  };
  // Part of the lists may fail to refresh and the package be there all the same.
  await run("apt-get", ["update"], options).catch(() => undefined);
  await withoutServices(() =>
    run("apt-get", ["install", "-y", "--no-install-recommends", "redis-server"], options),
  );
}

/** Only the program is wanted: the package would also start it, on port 6379 and at every boot. */
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
  if (existsSync("/run/systemd/system")) ask("systemctl", ["disable", "--now", "redis-server"]);
}

const COMMANDS = [
  ["brew", "brew install redis"],
  ["apt-get", "sudo apt-get update && sudo apt-get install -y redis-server"],
  ["dnf", "sudo dnf install -y valkey"],
  ["apk", "sudo apk add redis"],
  ["pacman", "sudo pacman -S --noconfirm valkey"],
];

function missing(why) {
  const known = COMMANDS.find(([tool]) => ask(tool, ["--version"]) !== undefined);
  const command = known?.[1] ?? "docker run -d -p 127.0.0.1:6379:6379 redis:7";
  return new BootstrapError(
    `${why} Install it and try again:\n\n  ${command}\n\n` +
      "Or point REDIS_URL at one that runs, such as redis://127.0.0.1:6379.",
  );
}
