/**
 * Makes `npm start` and `npm test` work in a fresh clone, with nothing but Node and npm: installs
 * the packages, finds or installs Redis, builds. With `--tests` it also installs what tests run. With `--clients` it
 * also installs the newest client libraries. It prints nothing when there is nothing to do.
 *
 * It may be killed halfway or run many times at once. So each step looks first whether it is done, leaves its mark only
 * at its end, and works under one lock.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { argv, execPath, exit, versions } from "node:process";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = [20, 18, 1];
const root = resolve(fileURLToPath(new URL("..", import.meta.url)));

/** Is `version` at least `oldest`? */
function isRecent(version, oldest) {
  const parts = version.split(".").map(Number);
  const different = oldest.findIndex((part, index) => parts[index] !== part);
  return different === -1 || parts[different] > oldest[different];
}

async function bootstrap() {
  // Loaded only now: an older Node may not be able to read them.
  const { packagesStep } = await import("./bootstrap/packages.mjs");
  const { redisStep } = await import("./bootstrap/redis.mjs");
  const { buildStep } = await import("./bootstrap/build.mjs");
  const { withLock } = await import("./bootstrap/lock.mjs");
  const { assertWritable, isRightMissing, unwritable } = await import("./bootstrap/writable.mjs");
  const steps = [packagesStep(root), redisStep(), buildStep(root)];
  if (argv.includes("--tests")) {
    const { testToolsStep } = await import("./bootstrap/test-tools.mjs");
    steps.push(testToolsStep());
  }
  if (argv.includes("--tests") || argv.includes("--clients")) {
    const { newestClientsStep } = await import("./bootstrap/newest-clients.mjs");
    steps.push(newestClientsStep(root));
  }
  if (steps.every((step) => step.isDone())) return;
  // Where the lock stands, and then what each step changes, before any of them has changed half of it.
  const run = join(root, ".run");
  assertWritable(existsSync(run) ? [run] : [root]);
  await withLock(root, async () => {
    const missing = steps.filter((step) => !step.isDone());
    assertWritable(missing.flatMap((step) => step.writes?.() ?? []));
    for (const step of steps) if (!step.isDone()) await step.run();
  }).catch((error) => {
    throw isRightMissing(error) ? unwritable(error) : error;
  });
}

if (!isRecent(versions.node, OLDEST_NODE)) {
  console.error(
    `Node ${OLDEST_NODE.join(".")} or later is needed; this is ${versions.node} (${execPath}).`,
  );
  exit(1);
}
try {
  await bootstrap();
} catch (error) {
  console.error(error.name === "BootstrapError" ? error.message : error);
  exit(1);
}
