/**
 * Every way an answer can be made to fail. A fault has one name everywhere. It is the field of a directive, the key
 * of the fault's probability in the simulator's settings, and its row in the stats.
 */
import { z } from "zod";

export const count = z.number().int().min(0);
export const milliseconds = z.number().min(0).max(3_600_000);

const yes = z.literal(true).optional();
/** After this many deltas, `reasoning` included; at the answer's end where that is shorter. */
const after = count.optional();

const kinds = {
  /** Closes the connection without a byte of a response. */
  refuse: yes,
  /** As `refuse`, but only on a socket that carried a request before: as if it had idled too long. */
  stale: yes,
  /** Says nothing, not even headers, and keeps the socket open. */
  hang: yes,
  /** Answers with this HTTP status, in the profile's own error shape unless `body` is given. */
  status: z.number().int().min(200).max(599).optional(),
  /** Says nothing for so long, then answers as usual. */
  lateMs: milliseconds.optional(),
  /** Sends `chunkBytes` bytes (1 unless given) at a time, with this pause after each. */
  dripMs: milliseconds.optional(),
  /** Closes the connection in the middle of the response. */
  cutAfter: after,
  /** As `cutAfter`, with a TCP reset. */
  resetAfter: after,
  /** As the two above, after so many bytes of the body: anywhere in a frame or in a character. */
  cutAtByte: count.optional(),
  resetAtByte: count.optional(),
  /** Says nothing more and keeps the socket open; after 0 it hangs before the first token. */
  stallAfter: after,
  /** Ends the response cleanly, without finish reason and `[DONE]`. */
  endAfter: after,
  /** As `endAfter`, in the middle of the next frame. */
  truncateAfter: after,
  /** Sends the profile's error frame and `[DONE]` (not with `done: false`); after 0 it comes first. */
  errorAfter: after,
  /** The next delta is lost in bytes that are no SSE; the answer goes on to its end. */
  garbageAfter: after,
  /** The next delta is a `data` line of broken JSON; the answer goes on to its end. */
  badJsonAfter: after,
  /** The next delta is a line of 4 MiB; the answer goes on to its end. */
  hugeAfter: after,
  /** The next delta breaks off, and the whole answer follows, glued on, under another id. */
  spliceAfter: after,
};

export type FaultKind = keyof typeof kinds;

// The keys of an object literal of this file are its type's and no others.
export const FAULT_KINDS = Object.keys(kinds) as FaultKind[];

/** The faults, and what only says more about one of them. */
export const faultShape = {
  ...kinds,
  /** Of `status`. */
  body: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  /** Sent as `Retry-After`, which of the real providers hardly any does. */
  retryAfterS: count.optional(),
  /** Of `status: 202`: what asking for its result gives, an answer unless told otherwise. */
  pollStatus: z.union([z.literal(200), z.literal(504)]).optional(),
  /** Of `status` and `errorAfter`: another error than the profile's usual one, by its code. */
  errorCode: z.string().optional(),
  /** Of `spliceAfter`: the silence between the two streams. */
  splicePauseMs: milliseconds.optional(),
};

export type FaultFields = z.infer<z.ZodObject<typeof faultShape>>;

/** The fault that is asked for, if any: they exclude each other. */
export function faultOf(fields: FaultFields): FaultKind | undefined {
  return FAULT_KINDS.find((kind) => fields[kind] !== undefined);
}
