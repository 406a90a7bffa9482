/** Step 2: there is a Redis, 7 or later, to use or to start. */
import { existsSync } from "node:fs";
import { env } from "node:process";
import { announce, ask, BootstrapError } from "./command.mjs";
import { installer } from "./system-packages.mjs";

const OLDEST_MAJOR = 7;
const SERVERS = ["redis-server", "valkey-server"];
const PACKAGES = { apt: "redis-server", brew: "redis" };

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
  const install = () => how.install([PACKAGES[how.key]], "Or set REDIS_URL.");
  await announce(`Installing Redis (${how.name})`, install);
  if (!isFound()) throw missing(`${how.name} has no Redis 7 or later.`);
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
