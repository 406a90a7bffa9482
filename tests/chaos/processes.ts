import type { Cluster } from "@openclaw/testing";
import type { History } from "./history.ts";

/** As pino numbers them. */
const ERROR_LEVEL = 50;
/** Logged as errors because an operator should know, and foreseen in this suite. */
const FORESEEN: ReadonlySet<unknown> = new Set([
  "run could not be worked on",
  "provider refuses the account, left alone until it does not",
]);

/** After any fault, processes end when they are told to, and log only foreseen errors. */
export function judgeProcesses(cluster: Cluster, history: History): void {
  for (const { name, process, logs } of [...cluster.ready("edge"), ...cluster.ready("worker")]) {
    const { exitCode, signalCode } = process;
    const wasTold = logs.some(({ msg }) => msg === "draining") || signalCode === "SIGKILL";
    if ((exitCode !== null || signalCode !== null) && !wasTold) {
      history.violate("process died by itself", `${name}: ${signalCode ?? exitCode}`);
    }
    for (const { level, msg, runId } of logs) {
      if (Number(level) < ERROR_LEVEL || FORESEEN.has(msg)) continue;
      // That one should be told of.
      if (typeof runId === "string" && history.isBroken(runId)) continue;
      history.violate("unexpected error", `${name}: ${msg}`);
    }
  }
}
