import { conversationMessageSchema, runWishesSchema } from "@openclaw/protocol";
import { z } from "zod";

/** What a worker needs to know of a run before it starts: the whole request, and nothing else. */
export const runJobSchema = z.object({
  runId: z.string().min(1),
  session: z.string(),
  provider: z.string().min(1),
  messages: z.array(conversationMessageSchema).min(1),
  ...runWishesSchema.shape,
  /** Goes on though nobody reads it. */
  background: z.boolean().optional(),
  /** Providers to ask next if this one fails, in order. */
  fallback: z.array(z.string()),
  /** What earlier attempts have said is nothing to build upon: the next one may not continue it. */
  anew: z.boolean().optional(),
  /** What the first of them failed with that did: what a user is told where nobody could answer. */
  failed: z.object({ code: z.string(), message: z.string() }).optional(),
  /** The epoch of an attempt that is late: whoever takes this job asks as well, and who speaks first answers. */
  hedges: z.int().optional(),
  /** W3C trace context of the run: every attempt at it is a part of that trace, wherever it is made. */
  traceparent: z.string().optional(),
});
export type RunJob = z.infer<typeof runJobSchema>;

const HEDGE = "-hedge-";

/** A run is once on a queue; each of its attempts may be hedged there besides. */
export function jobIdOf({ runId, hedges }: Pick<RunJob, "runId" | "hedges">): string {
  return hedges === undefined ? runId : `${runId}${HEDGE}${hedges}`;
}

export function isHedge(jobId: string): boolean {
  return jobId.includes(HEDGE);
}
