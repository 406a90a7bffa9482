/** The events of a run, in their order. */
import type { FinishReason, Timings, Usage } from "./wire.ts";

/** A whole answer: exactly what one attempt of one provider said. */
export interface RunResult {
  /** The run's id at the gateway, which its logs have too. */
  readonly run: string;
  readonly text: string;
  /** The text, or its end, says why the model does not answer. */
  readonly refused: boolean;
  /** What the model thought, where it says so; else empty. */
  readonly reasoning: string;
  /** The provider that answered; of a group, or after a failure, perhaps another than was asked. */
  readonly provider: string;
  readonly model: string;
  readonly finish: FinishReason;
  /** `null` where the provider did not count. */
  readonly usage: Usage | null;
  readonly timings: Timings;
  /** Milliseconds from `run()` on as its user saw them, waits for a connection included. */
  readonly seen: { readonly firstTextMs?: number; readonly totalMs: number };
}

export type RunEvent =
  /** The gateway has it, and it will end, whatever fails. */
  | { readonly type: "accepted"; readonly run: string }
  /** It waits, with `position` others in front of it; `waitMs` is a guess. */
  | { readonly type: "queued"; readonly position: number; readonly waitMs: number }
  /** An attempt begins. Without `restarted` in front of it, nothing was shown of the one before. */
  | { readonly type: "started"; readonly provider: string; readonly model: string }
  /** `refusal` where the model says in it why it does not answer. */
  | { readonly type: "delta"; readonly text: string; readonly refusal?: true }
  | { readonly type: "reasoning"; readonly text: string }
  /** The attempt was lost: throw away what was shown, text and reasoning, another one begins. */
  | { readonly type: "restarted" }
  /** The connection is gone, and the client looks for another; nothing of the answer is lost by that. */
  | { readonly type: "reconnecting" }
  /** Another connection goes on with it. */
  | { readonly type: "resumed" }
  | ({ readonly type: "done" } & RunResult);

/**
 * Adds an event to those that a reader has not taken yet. A slow or absent reader costs no more than the answer
 * itself. Neighbouring pieces become one, a newer `queued` replaces an older one, and the pieces of a lost attempt
 * go.
 */
export function addEvent(waiting: readonly RunEvent[], event: RunEvent): RunEvent[] {
  const last = waiting.at(-1);
  switch (event.type) {
    case "delta":
      if (last?.type !== event.type || last.refusal !== event.refusal) break;
      return [...waiting.slice(0, -1), { ...event, text: last.text + event.text }];
    case "reasoning":
      if (last?.type !== event.type) break;
      return [...waiting.slice(0, -1), { ...event, text: last.text + event.text }];
    case "queued":
      if (last?.type === "queued") return [...waiting.slice(0, -1), event];
      break;
    case "restarted":
      return [...waiting.filter(({ type }) => type !== "delta" && type !== "reasoning"), event];
    case "reconnecting":
    case "resumed":
      if (last?.type !== "reconnecting" && last?.type !== "resumed") break;
      return [...waiting.slice(0, -1), event];
  }
  return [...waiting, event];
}
