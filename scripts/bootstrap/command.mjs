/** Running other programs, calmly: their output is shown only when they fail. */
import { spawn, spawnSync } from "node:child_process";

/** A failure whose message is all the user needs. */
export class BootstrapError extends Error {
  name = "BootstrapError";
}

/** Says what is done, does it, says how long it took. */
export async function announce(what, work) {
  const startedAt = performance.now();
  console.log(`${what} ...`);
  const result = await work();
  console.log(`  done in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  return result;
}

/** Resolves when the command succeeded. @throws BootstrapError with `failure` and what it wrote */
export async function run(command, args, { cwd, env = {}, failure }) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = [];
  child.stdout.on("data", (bytes) => output.push(bytes));
  child.stderr.on("data", (bytes) => output.push(bytes));
  // Ours alone may have been told to stop; what it started must not work on.
  const stop = () => child.kill();
  process.once("exit", stop);
  const how = await new Promise((resolve) => {
    child.once("error", ({ message }) => resolve(message));
    child.once("close", (code, signal) => resolve(signal ?? code));
  });
  process.off("exit", stop);
  if (how !== 0) {
    throw new BootstrapError(`${Buffer.concat(output).toString().trim()}\n${failure} (${how})`);
  }
}

/** What a quick question answers; undefined if the command is missing or fails. */
export function ask(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8", timeout: 10_000 });
  return status === 0 ? stdout : undefined;
}
