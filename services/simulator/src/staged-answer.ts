/** An answer before it is sent: to whom it goes, in which dialect, and what is planned for it. */
import type { Plan } from "./plan.ts";
import type { Dialect, Turn } from "./profiles/dialect.ts";
import type { Reply } from "./reply.ts";

export interface StagedAnswer {
  readonly reply: Reply;
  readonly dialect: Dialect;
  readonly turn: Turn;
  readonly plan: Plan;
  /** When the provider began to work on the answer, on the clock of `performance.now()`. */
  readonly startedAt: number;
}

/** A piece of a stream and the moment at which it is due. */
export interface TimedText {
  /** Milliseconds from the start of the answer. */
  readonly atMs: number;
  readonly text: string;
}
