/**
 * What a run's log holds, and how it is written: each entry is one msgpack array that begins with
 * its kind, so that an edge decodes a whole published batch in one pass.
 */
import {
  type AttemptTimings,
  type Failure,
  type FinishReason,
  failure,
  isErrorCode,
  type TerminalState,
  type Usage,
} from "@openclaw/protocol";
import { Packr } from "msgpackr";
import type { Position } from "./position.ts";

export interface StartedEntry {
  readonly type: "started";
  readonly provider: string;
  readonly model: string;
}

/** A piece of the answer. `text` is never empty. */
export interface DeltaEntry {
  readonly type: "text" | "reasoning";
  readonly text: string;
  /** The model says in it why it does not answer. Never of reasoning. */
  readonly isRefusal?: true | undefined;
}

/**
 * A piece of a call to one of the client's tools. The first piece of each call has its id and name, and
 * its number among the calls of this answer, from 0; the arguments of all pieces together are its JSON.
 */
export interface ToolCallEntry {
  readonly type: "tool_call";
  readonly index: number;
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly arguments: string;
}

/** The attempt failed and the run waits again, for another provider. */
export interface MovedEntry {
  readonly type: "moved";
  readonly provider: string;
}

/** Who or what cancelled a run. */
export type CancelReason =
  | "client" // asked for it
  | "disconnected" // the client's connection is gone
  | "interrupted" // a later attempt differs from what the client already has
  | "orphaned"; // no edge listens any more

/** The one last entry of a run. */
export type TerminalEntry =
  | {
      readonly type: "completed";
      readonly finish: FinishReason;
      readonly usage: Usage | undefined;
      readonly timings: AttemptTimings;
    }
  | {
      readonly type: "failed";
      readonly failure: Failure;
      readonly timings: AttemptTimings | undefined;
    }
  | { readonly type: "cancelled"; readonly reason: CancelReason };

export type Entry = StartedEntry | DeltaEntry | ToolCallEntry | MovedEntry | TerminalEntry;

/** How much of the answer an entry holds, in UTF-16 units. */
export function charactersOf(entry: Entry): number {
  if (entry.type === "tool_call") return entry.arguments.length;
  return entry.type === "text" || entry.type === "reasoning" ? entry.text.length : 0;
}

export function isTerminal(entry: Entry): entry is TerminalEntry {
  return entry.type in KIND_OF_TERMINAL;
}

const KIND_OF_TERMINAL = { completed: 3, failed: 4, cancelled: 5 } as const satisfies Record<
  TerminalState,
  number
>;
const STARTED = 0;
const TEXT = 1;
const REASONING = 2;
const MOVED = 6;
const TOOL_CALL = 7;

// Plain arrays and maps: both ends must read it without a shared dictionary.
// Epochs take more than 32 bits, which would otherwise be decoded as bigint; they stay below 2^53.
const packr = new Packr({
  useRecords: false,
  encodeUndefinedAsNil: true,
  int64AsType: "number",
});

export function encodeEntry(entry: Entry): Buffer {
  return packr.pack(toWire(entry));
}

function toWire(entry: Entry): unknown[] {
  switch (entry.type) {
    case "started":
      return [STARTED, entry.provider, entry.model];
    case "text":
      // Edges that do not know the mark read a refusal as text.
      return entry.isRefusal ? [TEXT, entry.text, true] : [TEXT, entry.text];
    case "reasoning":
      return [REASONING, entry.text];
    case "tool_call":
      return [TOOL_CALL, entry.index, entry.id, entry.name, entry.arguments];
    case "moved":
      return [MOVED, entry.provider];
    case "completed":
      return [KIND_OF_TERMINAL.completed, entry.finish, entry.usage, entry.timings];
    case "failed":
      return [
        KIND_OF_TERMINAL.failed,
        entry.failure.code,
        entry.failure.message,
        entry.timings,
        entry.failure.retryAfterMs,
      ];
    case "cancelled":
      return [KIND_OF_TERMINAL.cancelled, entry.reason];
  }
}

/** One value as published: a run's id and position, then the entry. */
export interface PublishedEntry {
  readonly runId: string;
  readonly position: Position;
  readonly entry: Entry;
}

/** @throws MalformedEntryError when the bytes are not an entry of this version */
export function decodeEntry(bytes: Uint8Array): Entry {
  return fromWire(unpack(bytes));
}

/**
 * Decodes one published message: `runId, epoch, seq, entry` over and over, as the Lua scripts
 * concatenate them.
 *
 * @throws MalformedEntryError
 */
export function decodeBatch(bytes: Uint8Array): PublishedEntry[] {
  const values = unpackAll(bytes);
  const batch: PublishedEntry[] = [];
  for (let at = 0; at + 3 < values.length; at += 4) {
    const [runId, epoch, seq, wire] = values.slice(at, at + 4);
    if (typeof runId !== "string" || typeof epoch !== "number" || typeof seq !== "number") {
      throw new MalformedEntryError();
    }
    batch.push({ runId, position: { epoch, seq }, entry: fromWire(wire) });
  }
  return batch;
}

function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch (cause) {
    throw new MalformedEntryError({ cause });
  }
}

function unpackAll(bytes: Uint8Array): unknown[] {
  try {
    return packr.unpackMultiple(bytes) ?? [];
  } catch (cause) {
    throw new MalformedEntryError({ cause });
  }
}

function fromWire(wire: unknown): Entry {
  if (!Array.isArray(wire)) throw new MalformedEntryError();
  // Only our own encoder above writes these arrays; the kind decides the rest of the shape.
  const [kind, ...rest] = wire;
  switch (kind) {
    case STARTED:
      return { type: "started", provider: String(rest[0]), model: String(rest[1]) };
    case TEXT:
      return { type: "text", text: String(rest[0]), ...(rest[1] === true && { isRefusal: true }) };
    case REASONING:
      return { type: "reasoning", text: String(rest[0]) };
    case TOOL_CALL:
      return {
        type: "tool_call",
        index: Number(rest[0]),
        id: rest[1] ?? undefined,
        name: rest[2] ?? undefined,
        arguments: String(rest[3]),
      };
    case MOVED:
      return { type: "moved", provider: String(rest[0]) };
    case KIND_OF_TERMINAL.completed:
      return {
        type: "completed",
        finish: rest[0],
        usage: rest[1] ?? undefined,
        timings: rest[2],
      };
    case KIND_OF_TERMINAL.failed:
      return {
        type: "failed",
        failure: toFailure(rest[0], rest[1], rest[3]),
        timings: rest[2] ?? undefined,
      };
    case KIND_OF_TERMINAL.cancelled:
      return { type: "cancelled", reason: rest[0] };
    default:
      throw new MalformedEntryError();
  }
}

/** A code of a newer version still ends the run; it is shown as `internal` with its own sentence. */
function toFailure(code: unknown, message: unknown, retryAfterMs: unknown): Failure {
  const known = isErrorCode(code) ? code : "internal";
  return failure(
    known,
    typeof message === "string" ? message : undefined,
    typeof retryAfterMs === "number" ? retryAfterMs : undefined,
  );
}

export class MalformedEntryError extends Error {
  readonly code = "malformed_entry";

  constructor(options?: ErrorOptions) {
    super("The bytes are not a log entry of this version.", options);
    this.name = "MalformedEntryError";
  }
}
