/** The faults of the whole simulator: set at its start or while it runs, for requests that ask for none. */
import { z } from "zod";
import { count, FAULT_KINDS, milliseconds } from "./fault-fields.ts";

const atLeastOne = count.min(1);

const burst = z.strictObject({
  status: z.union([z.literal(429), z.literal(503)]),
  /** So many in a row, of every so many of a profile, beginning with the first. */
  requests: atLeastOne,
  every: atLeastOne,
  retryAfterS: count.optional(),
});

const schema = z.strictObject({
  /** The same seed gives each profile's requests the same faults, in the order they come. */
  seed: z.number().int().default(1),
  /** Of each fault, for each request; where in the answer it happens comes from the seed too. */
  probability: z
    .partialRecord(z.enum(FAULT_KINDS), z.number().min(0).max(1))
    .default({})
    .refine((each) => sum(each) <= 1, "the sum is above 1"),
  burst: burst.optional(),
  /** Only these profiles have the faults above; every profile where it is absent. */
  faultOn: z.array(z.string()).optional(),

  /** Most requests at once, by profile; one more is refused with the profile's 429. */
  concurrency: z.record(z.string(), count).default({}),
  /** Closes connections that carry no request for so long, without a word. */
  idleMs: milliseconds.optional(),

  /** What the `status` of `probability` is. */
  statusFault: z
    .strictObject({ status: z.number().int().min(400).max(599), errorCode: z.string().optional() })
    .default({ status: 500 }),
  /** Most requests at once a model server takes, by profile; it refuses more as full. */
  capacity: z.record(z.string(), count).default({}),
  /** By API key: the models it is served, and its requests in any 60 s. */
  accounts: z
    .record(
      z.string(),
      z.strictObject({ models: z.array(z.string()).optional(), perMinute: count.optional() }),
    )
    .default({}),
  /** By model: from when on it is gone. */
  endOfLife: z.record(z.string(), z.iso.date()).default({}),
});

export type FaultSettings = z.output<typeof schema>;
export type FaultOptions = z.input<typeof schema>;

export const NO_FAULTS: FaultSettings = schema.parse({});

export type ReadFaults =
  | { readonly ok: true; readonly settings: FaultSettings }
  | { readonly ok: false; readonly problems: readonly string[] };

/** @param profiles the names that may be spoken of */
export function readFaults(value: unknown, profiles: readonly string[]): ReadFaults {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    return { ok: false, problems: parsed.error.issues.map(problemOf) };
  }
  const { faultOn = [], concurrency, capacity } = parsed.data;
  const named = [...faultOn, ...Object.keys(concurrency), ...Object.keys(capacity)];
  const strangers = named.filter((name) => !profiles.includes(name));
  return strangers.length === 0
    ? { ok: true, settings: parsed.data }
    : { ok: false, problems: strangers.map((name) => `${name} is not a profile`) };
}

function problemOf({ path, code, message }: z.core.$ZodIssue): string {
  if (path.length > 0) return `${path.join(".")}: ${message}`;
  const known = Object.keys(schema.shape).join(", ");
  return code === "unrecognized_keys" ? `${message}; there are ${known}` : message;
}

/** As `readFaults`, from JSON text. */
export function parseFaults(json: string, profiles: readonly string[]): ReadFaults {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The caller says what is to be JSON and is not.
    return { ok: false, problems: ["is not JSON"] };
  }
  return readFaults(value, profiles);
}

function sum(each: Readonly<Record<string, number>>): number {
  // Ten times 0.1 is to be 1.
  return Math.round(Object.values(each).reduce((all, one) => all + one, 0) * 1e9) / 1e9;
}
