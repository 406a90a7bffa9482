/** Responses for operators. */
import { z } from "zod";

export const healthSchema = z.strictObject({
  status: z.enum(["ok", "unavailable"]),
  reasons: z.array(z.string()).describe("Why it cannot serve; empty while it can."),
  notes: z
    .array(z.string())
    .optional()
    .describe(
      "Notes for the operator of an edge that can serve, such as too few workers for an account.",
    ),
});

const count = z.int().min(0);

/** Later versions add figures, so other fields are allowed. */
export const statsSchema = z.looseObject({
  simulated: z.boolean().describe("Whether a simulator answers for any provider."),
  nodes: z.looseObject({
    edges: z.array(z.looseObject({ id: z.string() })),
    workers: z.array(z.looseObject({ id: z.string() })),
  }),
  connections: count.describe("Open WebSockets of all edges."),
  sessions: count,
  runs: z.looseObject({
    waiting: count,
    active: count,
    finished: count,
    failed: count,
    cancelled: count,
  }),
  attempts: z.record(z.string(), count).describe("How attempts came out."),
  providers: z.record(
    z.string(),
    z.looseObject({
      model: z.string(),
      waiting: count,
      places: count.nullable().describe("Runs at once for which all workers have places."),
      bounds: z
        .array(z.string())
        .describe("Settings that bound its runs at once; `maxConcurrency` where the account does."),
    }),
  ),
});
