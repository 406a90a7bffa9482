/**
 * Keeps a private Redis from outliving the process that started it.
 *
 * A process killed by SIGKILL runs no clean-up, and Redis would stay behind with its port and its
 * directory. So Redis runs under a few lines of shell that hold a pipe from the owning process: when the kernel
 * closes that pipe, Redis ends. It is a shell and not Node, because a shell works alike from source and from `dist`,
 * and costs 1 MB instead of 40.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/**
 * Arguments: a directory to remove once the owner is gone ("" for none), then Redis's command.
 * Says `redis-guard: pid N` on stdout, and exits as Redis does.
 */
const GUARD = `
remove=$1; shift
exec 3<&0

"$@" </dev/null 3<&- &
redis=$!
echo "redis-guard: pid $redis"

# The owner is gone. A Redis that is paused or busy does not hear SIGTERM, so the wait is bounded.
abandoned() {
  kill -TERM "$redis"
  { sleep 3; kill -KILL "$redis"; } &
  killer=$!
  wait "$redis"
  kill "$killer"
  [ -z "$remove" ] || rm -rf -- "$remove"
  exit 0
}
trap 'abandoned >/dev/null 2>&1' HUP

{ read -r _ <&3; kill -HUP $$; } >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$redis"
code=$?
kill "$watcher" 2>/dev/null
exit "$code"
`;

const TAIL_LINES = 10;

export interface GuardedRedis {
  /** Redis's own pid; undefined if it never began. */
  readonly pid: Promise<number | undefined>;
  /** Resolves once Redis is gone, with how: "exit code 0", "signal SIGKILL". */
  readonly exited: Promise<string>;
  /** Its last lines, to explain a failure. */
  readonly tail: readonly string[];
  /** Does nothing once Redis is gone, as its pid may belong to someone else by then. */
  signal(name: NodeJS.Signals): void;
}

export function spawnGuarded(command: readonly string[], removeIfAbandoned = ""): GuardedRedis {
  // Its own session: the terminal's Ctrl-C is for the owner, which ends Redis last.
  const guard = spawn("sh", ["-c", GUARD, "redis-guard", removeIfAbandoned, ...command], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  // Nothing is ever written; an error here is the guard's exit, which `exited` tells.
  guard.stdin.on("error", () => undefined);

  const tail: string[] = [];
  let redisPid: number | undefined;
  const exited = new Promise<string>((resolve) => {
    guard.once("error", ({ message }) => resolve(message));
    guard.once("close", (code, signal) => resolve(howItEnded(code, signal)));
  });
  const pid = new Promise<number | undefined>((resolve) => {
    void exited.then(() => resolve(undefined));
    const onLine = (line: string) => {
      const found = /^redis-guard: pid (\d+)$/.exec(line)?.[1];
      if (found === undefined) return remember(tail, line);
      redisPid = Number(found);
      resolve(redisPid);
    };
    for (const input of [guard.stdout, guard.stderr]) createInterface({ input }).on("line", onLine);
  });
  const signal = (name: NodeJS.Signals) => {
    if (redisPid !== undefined) signalProcess(redisPid, name);
  };
  guard.once("exit", (_, killedBy) => {
    guard.stdin.destroy();
    // The guard itself was killed: Redis must end as well.
    if (killedBy !== null) signal("SIGKILL");
    redisPid = undefined;
  });
  return { pid, exited, tail, signal };
}

function remember(tail: string[], line: string): void {
  tail.push(line);
  if (tail.length > TAIL_LINES) tail.shift();
}

/** A shell exits with 128 plus the signal that ended what it waited for. */
function howItEnded(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `its guard: signal ${signal}`;
  if (code === 137) return "signal SIGKILL";
  return code === 143 ? "signal SIGTERM" : `exit code ${code}`;
}

function signalProcess(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
