import { chatMessageSchema, runOptionsSchema } from "@openclaw/protocol";
import { z } from "zod";

/** What a worker needs to know of a run before it starts: the whole request, and nothing else. */
export const runJobSchema = z.object({
  runId: z.string().min(1),
  session: z.string(),
  provider: z.string().min(1),
  messages: z.array(chatMessageSchema).min(1),
  options: runOptionsSchema.optional(),
  /** Providers to ask next if this one fails, in order. */
  fallback: z.array(z.string()),
  /** What earlier attempts have said is nothing to build upon: the next one may not continue it. */
  anew: z.boolean().optional(),
});
export type RunJob = z.infer<typeof runJobSchema>;
