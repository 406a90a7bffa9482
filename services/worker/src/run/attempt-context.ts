/** What an attempt works with, and what it starts from. */
import type { QueueLimits, RunQueues } from "@openclaw/queue";
import type { Logger } from "@openclaw/runtime";
import type { Appender, RunRecords, RunWriter } from "@openclaw/stream";
import type { ProviderEvent } from "../provider/contract/provider-event.ts";
import type { ProviderClient } from "../provider/provider-client.ts";
import type { AttemptClock } from "../telemetry/attempt-clock.ts";
import type { AttemptTally } from "../telemetry/attempt-counts.ts";
import type { ActiveAttempts } from "./active-attempts.ts";
import type { HedgeBudget } from "./hedge.ts";

export interface AttemptContext {
  readonly provider: ProviderClient;
  readonly records: RunRecords;
  /** For a run that this provider failed. */
  readonly queues: Pick<RunQueues, "add" | "has">;
  readonly appender: Appender;
  readonly attempts: ActiveAttempts;
  readonly counts: AttemptTally;
  readonly limits: Pick<QueueLimits, "slowDown">;
  readonly hedges: HedgeBudget;
  /** The name of this worker in claims. */
  readonly node: string;
  /** Ids of all nodes of the cluster. */
  readonly nodes: () => Promise<readonly string[]>;
  /** How many tokens the model of a provider takes, if that is known. */
  readonly contextTokensOf: (provider: string) => number | undefined;
  /** Most attempts of one run, over all workers. */
  readonly maxAttempts: number;
  /** Most workers that one run may lose. Lost workers are not attempts. */
  readonly maxLost: number;
  readonly log: Logger;
}

/** The right to write for a run. */
export interface Claimed {
  readonly epoch: number;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /** How often in a row this provider was asked, this time included. */
  readonly tries: number;
  /** No earlier attempt brought a token. */
  readonly isFirst: boolean;
  /** From taking the job to the claim. */
  readonly pickUpMs?: number;
}

/** An answer that began before its run was claimed. */
export interface Begun {
  /** All events, from the first on. */
  readonly events: AsyncIterable<ProviderEvent>;
  readonly clock: AttemptClock;
  /** Aborting it stops the provider. */
  readonly stopping: AbortController;
  /** Nothing reads the rest: stops the provider, and ends the measurement of its request. No effect after the end. */
  readonly leave: () => Promise<void>;
}

/** One attempt while it is at work. */
export interface AnswerContext extends AttemptContext, Claimed {
  readonly begun?: Begun;
  readonly writer: RunWriter;
  readonly clock: AttemptClock;
  readonly stopping: AbortController;
}
