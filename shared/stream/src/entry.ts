/**
 * The entries of a run's log. Each entry is one msgpack array that begins with its kind, so an edge decodes a whole
 * published batch in one pass.
 *
 * Two releases write to the same Redis during an upgrade. So a reader skips an entry of a kind that it does
 * not know, and ignores what a known kind has behind its version. A release that changes the values in front of the
 * version raises it. A reader of the release before then refuses the entry instead of misreading it.
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
 * A piece of a call to one of the client's tools. The first piece of each call has its id, its name, and its number
 * among the calls of this answer, from 0. The arguments of all pieces together are its JSON.
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

/** The reason why a run was cancelled. */
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

/** An entry of a kind that only a later release knows. Its position counts, and nothing else of it. */
export interface UnknownEntry {
  readonly type: "unknown";
}

/** What a reader of a log may find there. */
export type LoggedEntry = Entry | UnknownEntry;

/** In a published message: what cannot be read, and must not be skipped. A reader of the log gets an error for it. */
export interface UnreadableEntry {
  readonly type: "unreadable";
}

/** How much of the answer an entry holds, in UTF-16 units. */
export function charactersOf(entry: LoggedEntry): number {
  if (entry.type === "tool_call") return entry.arguments.length;
  return entry.type === "text" || entry.type === "reasoning" ? entry.text.length : 0;
}

export function isTerminal(entry: LoggedEntry | UnreadableEntry): entry is TerminalEntry {
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

/** What this release writes, and the latest that it reads. An entry without one is of version 1. */
const VERSION = 1;
/** Where the version stands in every kind of entry, behind what the kind has to say. */
const VERSION_AT = 5;

// Plain arrays and maps: both ends must read it without a shared dictionary.
// Epochs take more than 32 bits, which would otherwise be decoded as bigint; they stay below 2^53.
const packr = new Packr({
  useRecords: false,
  encodeUndefinedAsNil: true,
  int64AsType: "number",
});

export function encodeEntry(entry: Entry): Buffer {
  const wire = toWire(entry);
  while (wire.length < VERSION_AT) wire.push(undefined);
  wire.push(VERSION);
  return packr.pack(wire);
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
  readonly entry: LoggedEntry | UnreadableEntry;
}

/** One value as the Lua scripts publish it. */
export function encodePublished(
  { runId, position }: Pick<PublishedEntry, "runId" | "position">,
  entry: Entry,
): Buffer {
  const place = [runId, position.epoch, position.seq].map((value) => packr.pack(value));
  return Buffer.concat([...place, encodeEntry(entry)]);
}

/** @throws MalformedEntryError for bytes that are not an entry, or that this release would misread */
export function decodeEntry(bytes: Uint8Array): LoggedEntry {
  return fromWire(unpack(bytes));
}

/**
 * Decodes one published message: `runId, epoch, seq, entry` over and over, as the Lua scripts
 * concatenate them. An unreadable entry of one run keeps nothing from the others.
 *
 * @throws MalformedEntryError where the boundaries of the values are lost
 */
export function decodeBatch(bytes: Uint8Array): PublishedEntry[] {
  const values = unpackAll(bytes);
  const batch: PublishedEntry[] = [];
  for (let at = 0; at + 3 < values.length; at += 4) {
    const [runId, epoch, seq, wire] = values.slice(at, at + 4);
    if (typeof runId !== "string" || typeof epoch !== "number" || typeof seq !== "number") {
      throw new MalformedEntryError();
    }
    batch.push({ runId, position: { epoch, seq }, entry: readable(wire) });
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

function readable(wire: unknown): LoggedEntry | UnreadableEntry {
  try {
    return fromWire(wire);
  } catch (error) {
    if (error instanceof MalformedEntryError) return { type: "unreadable" };
    throw error;
  }
}

/** A list of kind, up to four values, and version. Of a value that is only shown, any type will do. */
function fromWire(wire: unknown): LoggedEntry {
  if (!Array.isArray(wire)) throw new MalformedEntryError();
  const [kind, ...rest] = wire;
  if (numberIn(wire[VERSION_AT] ?? VERSION) > VERSION) throw new MalformedEntryError();
  switch (kind) {
    case STARTED:
      return { type: "started", provider: textIn(rest[0]), model: textIn(rest[1]) };
    case TEXT:
      return { type: "text", text: textIn(rest[0]), ...(rest[1] === true && { isRefusal: true }) };
    case REASONING:
      return { type: "reasoning", text: textIn(rest[0]) };
    case TOOL_CALL:
      return {
        type: "tool_call",
        index: numberIn(rest[0]),
        id: rest[1] ?? undefined,
        name: rest[2] ?? undefined,
        arguments: textIn(rest[3]),
      };
    case MOVED:
      return { type: "moved", provider: textIn(rest[0]) };
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
      numberIn(kind);
      return { type: "unknown" };
  }
}

function textIn(value: unknown): string {
  if (typeof value !== "string") throw new MalformedEntryError();
  return value;
}

function numberIn(value: unknown): number {
  if (typeof value !== "number") throw new MalformedEntryError();
  return value;
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
    super("This is no log entry that this release can read.", options);
    this.name = "MalformedEntryError";
  }
}
