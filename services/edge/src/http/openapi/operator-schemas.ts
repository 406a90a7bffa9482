/** What those who run the gateway are answered. */
import { z } from "zod";

export const healthSchema = z.strictObject({
  status: z.enum(["ok", "unavailable"]),
  reasons: z.array(z.string()).describe("Why it cannot serve. Empty while it can."),
  notes: z
    .array(z.string())
    .optional()
    .describe("Hints for the operator while it can serve, such as too few workers for an account."),
});

const count = z.int().min(0);

/** Figures are added from time to time, hence what is not named here is allowed. */
export const statsSchema = z.looseObject({
  simulated: z.boolean().describe("Whether the simulator answers for at least one provider."),
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
  attempts: z.record(z.string(), count).describe("Attempts by their outcome."),
  providers: z.record(
    z.string(),
    z.looseObject({
      model: z.string(),
      waiting: count,
      places: count.nullable().describe("Places for runs of this provider, over all workers."),
      bounds: z
        .array(z.string())
        .describe(
          "Settings that limit its runs at once. `maxConcurrency` if the account is the limit.",
        ),
    }),
  ),
});
