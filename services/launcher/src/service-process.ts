/** One service as a child process: forked, waited for until it says it is ready, and ended. */
import { type ChildProcess, fork } from "node:child_process";
import { LATE, within } from "@openclaw/runtime";
import { LaunchError } from "./launch-error.ts";
import { ChildOutput, type Output } from "./output.ts";
import type { RunningProcess } from "./supervised-process.ts";

const READY_DEADLINE_MS = 15_000;
/** A child whose grandchildren keep its pipes open is gone all the same. */
const CLOSE_DEADLINE_MS = 500;
/** How long one may take to release what it has, once it has drained. */
const CLOSING_MS = 5_000;

export interface ServiceOptions {
  readonly name: string;
  readonly script: string;
  readonly env: NodeJS.ProcessEnv;
  readonly output: Output;
  /** How long it may finish its work after SIGTERM before it is killed. */
  readonly graceMs: number;
  readonly readyMs?: number;
}

export interface ServiceProcess extends RunningProcess {
  /** Where it listens, if it said so. */
  readonly url: string | undefined;
  /** Where it answers operators, likewise. */
  readonly adminPort: number | undefined;
}

/**
 * Forks the service and waits for its `{type:"ready"}`. It leaves by itself when its IPC channel
 * closes, so it does not outlive the launcher.
 *
 * @param signal kills it while it starts; a ready one is ended with `stop`
 * @throws LaunchError `child_failed` with its errors and last lines, `cancelled` after `signal`
 */
export async function startService(
  options: ServiceOptions,
  signal: AbortSignal,
): Promise<ServiceProcess> {
  if (signal.aborted) throw cancelled(options.name);
  const lines = new ChildOutput(options.name, options.output);
  const child = forkService(options);
  lines.follow(child.stdout, "out");
  lines.follow(child.stderr, "err");
  const exited = exitOf(child);
  const outcome = await startOf(child, exited, options.readyMs ?? READY_DEADLINE_MS, signal);
  if (outcome.kind === "ready") {
    lines.release();
    return handle(child, exited, outcome, options.graceMs);
  }
  child.kill("SIGKILL");
  await exited;
  if (outcome.kind === "cancelled") throw cancelled(options.name);
  throw new LaunchError("child_failed", `${options.name} ${outcome.how}.${lines.lastWords}`);
}

function forkService({ script, env }: ServiceOptions): ChildProcess {
  return fork(script, [], {
    env,
    // Its own process group: the terminal's Ctrl-C is for the launcher, which ends children in order.
    detached: true,
    // A debugger's port or a test runner's flags are not theirs.
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
}

/** Resolves with how it ended, once its last lines have been read too. Never rejects. */
function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.on("error", ({ message }) => {
      if (child.pid === undefined) resolve(message);
    });
    child.once("exit", (code, signal) => {
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      const closed = new Promise((onClose) => child.once("close", onClose));
      void within(CLOSE_DEADLINE_MS, closed).then(() => resolve(how));
    });
  });
}

interface Addresses {
  readonly url: string | undefined;
  readonly adminPort: number | undefined;
}

type StartOutcome =
  | ({ readonly kind: "ready" } & Addresses)
  | { readonly kind: "failed"; readonly how: string }
  | { readonly kind: "cancelled" };

function startOf(
  child: ChildProcess,
  exited: Promise<string>,
  readyMs: number,
  signal: AbortSignal,
): Promise<StartOutcome> {
  return new Promise((resolve) => {
    let url: string | undefined;
    let adminPort: number | undefined;
    const settle = (outcome: StartOutcome) => {
      clearTimeout(late);
      signal.removeEventListener("abort", cancel);
      resolve(outcome);
    };
    const cancel = () => settle({ kind: "cancelled" });
    const late = setTimeout(() => {
      settle({ kind: "failed", how: `was not ready within ${readyMs / 1_000} s` });
    }, readyMs);
    signal.addEventListener("abort", cancel);
    child.on("message", (message: { type?: unknown; url?: unknown; port?: unknown } | null) => {
      if (message?.type === "listening" && typeof message.url === "string") url = message.url;
      if (message?.type === "admin" && typeof message.port === "number") adminPort = message.port;
      if (message?.type === "ready") settle({ kind: "ready", url, adminPort });
    });
    void exited.then((how) => settle({ kind: "failed", how: `ended while starting (${how})` }));
  });
}

function handle(
  child: ChildProcess,
  exited: Promise<string>,
  { url, adminPort }: Addresses,
  graceMs: number,
): ServiceProcess {
  return {
    url,
    adminPort,
    exited,
    kill: () => void child.kill("SIGKILL"),
    stop: async (withinMs) => {
      // A process that is gone gets no message.
      if (withinMs !== undefined) child.send({ type: "hurry", withinMs }, () => undefined);
      child.kill("SIGTERM");
      const mostMs = withinMs === undefined ? graceMs : Math.min(graceMs, withinMs + CLOSING_MS);
      if ((await within(mostMs, exited)) === LATE) child.kill("SIGKILL");
      await exited;
    },
  };
}

function cancelled(name: string): LaunchError {
  return new LaunchError("cancelled", `${name} was told to stop while it started.`);
}
