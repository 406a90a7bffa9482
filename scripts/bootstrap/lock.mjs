/**
 * One bootstrap at a time in one checkout: `npm start` in two terminals must not install into the
 * same node_modules at once.
 *
 * The lock is a directory, as making one is atomic everywhere. Its holder keeps touching it. A holder
 * that is gone or silent is overruled, so a killed bootstrap blocks no other.
 */
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const HEARTBEAT_MS = 2_000;
const RETRY_MS = 200;
/** Looks without a heartbeat after which a holder counts as dead: 15 s, in which we did not sleep. */
const SILENT_LOOKS = 75;

export async function withLock(root, work) {
  const path = join(root, ".run", "bootstrap.lock");
  mkdirSync(join(root, ".run"), { recursive: true });
  await acquire(path);
  const release = () => {
    if (ownerOf(path)?.pid === process.pid) rmSync(path, { recursive: true, force: true });
  };
  process.once("exit", release);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));
  const heartbeat = setInterval(() => touch(path), HEARTBEAT_MS);
  try {
    await work();
  } finally {
    clearInterval(heartbeat);
    process.off("exit", release);
    release();
  }
}

async function acquire(path) {
  let silence = { touchedAt: 0, looks: 0 };
  let isTold = false;
  while (!tryAcquire(path)) {
    silence = listen(path, silence);
    if (silence.looks > SILENT_LOOKS || isDead(ownerOf(path))) {
      overrule(path);
      continue;
    }
    if (!isTold) console.log("Waiting for another bootstrap in this checkout ...");
    isTold = true;
    await delay(RETRY_MS);
  }
}

function tryAcquire(path) {
  try {
    mkdirSync(path);
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
  writeFileSync(join(path, "owner"), JSON.stringify({ pid: process.pid, host: hostname() }));
  return true;
}

/** Counts looks, not seconds: after a laptop's sleep every holder would seem long silent. */
function listen(path, { touchedAt, looks }) {
  const now = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return now === touchedAt ? { touchedAt, looks: looks + 1 } : { touchedAt: now, looks: 0 };
}

function touch(path) {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // It was overruled. The steps bear being run twice; stopping halfway would not help.
  }
}

/** Undefined while the lock is being made, or after it is gone. */
function ownerOf(path) {
  try {
    return JSON.parse(readFileSync(join(path, "owner"), "utf8"));
  } catch {
    return undefined;
  }
}

/** A pid means something only on the machine, or in the container, that gave it. */
function isDead(owner) {
  if (owner?.host !== hostname()) return false;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

/** Of several that find it stale one moves it away; all then compete as before. */
function overrule(path) {
  const grave = `${path}.${process.pid}`;
  try {
    renameSync(path, grave);
  } catch {
    return; // another was first
  }
  rmSync(grave, { recursive: true, force: true });
}
