import type { Failure } from "@openclaw/protocol";
import type { TerminalEntry } from "@openclaw/stream";
import type { DeliveredRun } from "./run-delivery.ts";

/** A run that ended for a reader on this edge, with all that this edge knows of it. */
export interface EndedRun extends DeliveredRun {
  readonly runId: string;
  readonly session: string;
  /** The provider that was asked. */
  readonly provider: string;
  readonly chain: readonly string[];
  readonly terminal: TerminalEntry;
  /** True if this edge ended the run, and the cluster does not know yet. */
  readonly byEdge: boolean;
  /** Set if the run was refused after it was opened: another run has its id. */
  readonly refusal?: Failure;
}
