import { ReplyError } from "ioredis";

/** With these Redis refuses every command alike, until its state changes. */
const STATES: ReadonlySet<string> = new Set([
  "LOADING",
  "READONLY",
  "MASTERDOWN",
  "CLUSTERDOWN",
  "TRYAGAIN",
  "MOVED",
  "ASK",
  "BUSY",
  "OOM",
  "MISCONF",
  "NOREPLICAS",
  "NOAUTH",
]);

/** Mistakes of ours. */
const MISTAKES = [TypeError, RangeError, ReferenceError, SyntaxError];

/**
 * Whether an error of a Redis command is an outage: the connection, a time-out, or a state of Redis in which it
 * refuses every command. A repeat of the command helps then.
 *
 * Any other error belongs to the command. A key of the wrong type, or an unreadable entry, stays as it is: it
 * concerns one run, and must be reported.
 */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof ReplyError) return isStateOfRedis(error.message);
  if (MISTAKES.some((mistake) => error instanceof mistake)) return false;
  // Node and Redis write their codes in capitals; ours are small, and say what else is wrong.
  const { code } = error as { code?: unknown };
  return !(typeof code === "string" && /^[a-z_]+$/.test(code));
}

/** Whether Redis says with this answer that it refuses every command now. */
export function isStateOfRedis(reply: string): boolean {
  const code = /^[A-Z]+/.exec(reply)?.[0] ?? "";
  // A command that is refused is refused for every run; a key, for the one run that it belongs to.
  return code === "NOPERM" ? reply.includes("command") : STATES.has(code);
}
