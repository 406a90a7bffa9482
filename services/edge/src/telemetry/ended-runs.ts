/** What an edge records of each run that ended: statistics, metrics and one log line. */
import { createHmac, randomBytes } from "node:crypto";
import type { Logger } from "@openclaw/runtime";
import type { EndedRun } from "../runs/ended-run.ts";
import type { RunMeter } from "./run-meter.ts";
import type { RunStats } from "./run-stats.ts";

/** Names a session in logs without revealing it: a session may be a person's address. */
export type SessionHash = (session: string) => string;

const HASH_LENGTH = 12;

/**
 * The first 12 hex digits of HMAC-SHA256. With the same key, a session has the same name on every edge.
 *
 * @param key without it the key is random: names hold for this process alone, and cannot be computed elsewhere
 */
export function createSessionHash(key: string | Buffer = randomBytes(32)): SessionHash {
  return (session) => createHmac("sha256", key).update(session).digest("hex").slice(0, HASH_LENGTH);
}

export interface EndedRunsOptions {
  readonly stats: Pick<RunStats, "record">;
  readonly meter?: Pick<RunMeter, "ended">;
  readonly log: Pick<Logger, "info">;
  /** How logs name a session. */
  readonly sessionHash: SessionHash;
}

export class EndedRuns {
  readonly #options: EndedRunsOptions;

  constructor(options: EndedRunsOptions) {
    this.#options = options;
  }

  /** A run that began on this edge has ended. Each run is counted once in the cluster: here. */
  record(ended: EndedRun): void {
    const { stats, meter } = this.#options;
    stats.record(ended);
    meter?.ended(ended);
    this.#log(ended, "run finished");
  }

  /** A run that a client resumed here has ended. The edge where it began counts it. */
  recordResumed(ended: EndedRun): void {
    this.#log(ended, "resumed run finished");
  }

  /** The line has every number of the run, and no text. */
  #log(
    { byEdge: _, chain: __, edgePhases: ___, terminal, phases, session, ...facts }: EndedRun,
    message: "run finished" | "resumed run finished",
  ): void {
    const { log, sessionHash } = this.#options;
    const detail =
      terminal.type === "failed"
        ? { code: terminal.failure.code }
        : terminal.type === "completed"
          ? { finish: terminal.finish, usage: terminal.usage }
          : { reason: terminal.reason };
    const run = { ...facts, sessionHash: sessionHash(session) };
    log.info({ ...run, outcome: terminal.type, ...detail, ...phases }, message);
  }
}
