import { conversationMessageSchema, runParametersSchema } from "@openclaw/protocol";
import { z } from "zod";

/** What a worker needs to know of a run before it starts: the whole request, and nothing else. */
export const runJobSchema = z.object({
  runId: z.string().min(1),
  session: z.string(),
  provider: z.string().min(1),
  messages: z.array(conversationMessageSchema).min(1),
  ...runParametersSchema.shape,
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
  /** See `readJob`; written by `writeJob` alone. */
  version: z.number().optional(),
});
export type RunJob = z.infer<typeof runJobSchema>;

/**
 * What this release writes, and the latest that it reads. A job without one is of version 1. A release raises it where
 * workers of the release before would misread the job; what only says more needs no other version.
 */
const VERSION = 1;

/** What stood on the queue, and what of that this release knows: passed on, the rest is to go with it. */
interface AsRead {
  readonly raw: Readonly<Record<string, unknown>>;
  readonly known: Readonly<Record<string, unknown>>;
}

/** By the messages of a job, which every copy of it shares. */
const asRead = new WeakMap<RunJob["messages"], AsRead>();

export type ReadJob =
  | { readonly outcome: "read"; readonly job: RunJob }
  /** `isLater`: a worker of a later release can read it. `problem` names fields, and has no word of the prompt. */
  | { readonly outcome: "unreadable"; readonly isLater: boolean; readonly problem: string };

/** Reads what stands on a queue. */
export function readJob(data: unknown): ReadJob {
  const { data: versioned } = z.looseObject({ version: z.number() }).safeParse(data);
  if (versioned && versioned.version > VERSION) {
    const problem = `it is of version ${versioned.version}, this worker reads ${VERSION}`;
    return { outcome: "unreadable", isLater: true, problem };
  }
  const { data: known, error } = runJobSchema.safeParse(data);
  if (!known) {
    const fields = error.issues.map(({ path }) => path.join(".") || "the job itself");
    const problem = `this worker does not understand ${[...new Set(fields)].slice(0, 10).join(", ")}`;
    return { outcome: "unreadable", isLater: false, problem };
  }
  const { version: _, ...job } = known;
  // Understood, so it is an object.
  asRead.set(job.messages, { raw: data as AsRead["raw"], known });
  return { outcome: "read", job };
}

/** A job as it is put on a queue: with what a later release has added to it, at any depth, unless that was replaced. */
export function writeJob(job: RunJob): Readonly<Record<string, unknown>> {
  const written: Record<string, unknown> = { ...job, version: VERSION };
  const { raw, known } = asRead.get(job.messages) ?? { raw: {}, known: {} };
  for (const [name, value] of Object.entries(raw)) {
    const isUnknown = !(name in runJobSchema.shape);
    if (isUnknown || (name in written && written[name] === known[name])) written[name] = value;
  }
  return written;
}

const HEDGE = "-hedge-";

/** A run is once on a queue; each of its attempts may be hedged there besides. */
export function jobIdOf({ runId, hedges }: Pick<RunJob, "runId" | "hedges">): string {
  return hedges === undefined ? runId : `${runId}${HEDGE}${hedges}`;
}

export function isHedge(jobId: string): boolean {
  return jobId.includes(HEDGE);
}
