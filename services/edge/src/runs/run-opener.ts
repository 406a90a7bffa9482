/** Opens runs on this edge, with what every open run needs, and takes each off the list of open runs at its end. */
import type { GatewayConfigSource } from "@openclaw/config";
import type { RunQueues } from "@openclaw/queue";
import type { Logger } from "@openclaw/runtime";
import type { RunRecords } from "@openclaw/stream";
import pLimit from "p-limit";
import type { EndedRun } from "./ended-run.ts";
import { LiveRun, type LiveRunOptions } from "./live-run.ts";
import type { LiveRuns } from "./live-runs.ts";
import { deadlinesOf } from "./run-deadlines.ts";
import type { RunDeadlines } from "./run-timeouts.ts";

/** After an outage every run reads its log. If all did so at once, they would miss their own deadlines. */
const READS_AT_ONCE = 16;

export interface RunOpenerOptions {
  readonly runs: Pick<LiveRuns, "add" | "remove">;
  readonly records: Pick<RunRecords, "read" | "hedgedOf">;
  readonly queues: Pick<RunQueues, "holds">;
  readonly gateway: Pick<GatewayConfigSource, "current">;
  /** For providers that do not say how long a run may wait for them. */
  readonly queueTimeoutMs: number;
  /** A published chunk was missing, or out of order. */
  readonly onGap?: () => void;
  readonly log: Logger;
}

export interface OpenedRun
  extends Pick<
    LiveRunOptions,
    | "runId"
    | "session"
    | "provider"
    | "chain"
    | "resumed"
    | "promptBytes"
    | "answer"
    | "deadlines"
    | "isBackground"
  > {
  /** Called once, after the client was told. */
  readonly onEnded: (ended: EndedRun, run: LiveRun) => void;
}

export class RunOpener {
  readonly #options: RunOpenerOptions;
  readonly #read: RunRecords["read"];

  constructor(options: RunOpenerOptions) {
    this.#options = options;
    const limit = pLimit(READS_AT_ONCE);
    this.#read = (...page) => limit(() => options.records.read(...page));
  }

  open({ onEnded, ...opened }: OpenedRun): LiveRun {
    const { runs, onGap, log } = this.#options;
    const { runId, chain } = opened;
    const run = new LiveRun({
      ...opened,
      read: this.#read,
      isOffered: () => this.#isOffered(runId, chain),
      onGap,
      onUnreadable: (err) => log.error({ runId, err }, "run cannot be read"),
      onEnded: (ended) => {
        runs.remove(run);
        onEnded(ended, run);
      },
    });
    runs.add(run);
    return run;
  }

  /** @param leftMs how long the run may still take, if the edge where it began has decided that */
  deadlines(chain: readonly string[], leftMs?: number): RunDeadlines {
    const { gateway, queueTimeoutMs } = this.#options;
    return deadlinesOf(chain, { ...gateway.current, queueTimeoutMs, leftMs });
  }

  /** Whether a worker is or was offered the run: by its own job, or by the job of the hedge that won it. */
  async #isOffered(runId: string, chain: readonly string[]): Promise<boolean> {
    const { queues, records } = this.#options;
    if (await queues.holds(chain, { runId })) return true;
    const hedges = await records.hedgedOf(runId);
    return hedges !== undefined && queues.holds(chain, { runId, hedges });
  }
}
