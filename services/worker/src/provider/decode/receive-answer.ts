/**
 * Reads an answer off the network until it is over: with its end marker, with the end of the body, or,
 * where a provider leaves the connection open, when it has said nothing for a while behind its reason.
 */

import { ProviderError } from "../contract/provider-error.ts";
import type { ProviderEvent } from "../contract/provider-event.ts";
import type { DecodedBody } from "../transport/content-encoding.ts";
import type { AnswerReader } from "./answer-reader.ts";

export interface Receiving {
  readonly body: DecodedBody;
  /** How long usage and the end marker are waited for behind the reason. */
  readonly endMs: number;
  /** The same where the reason may be one that comes with every piece: then it is the next piece. */
  readonly unsureMs: number;
  /** The same where it is: reasons do not mean the end, only silence does. */
  readonly goneOnMs: number;
  /** Breaks the exchange off. */
  readonly close: () => void;
  /** The exchange is over; what it was worth is judged next. */
  readonly onReceived: () => void;
  /** Makes an error of what the connection failed with. */
  readonly broken: (error: unknown) => unknown;
}

/** @throws ProviderError for all that keeps the answer from being whole */
export async function* receiveAnswer(
  reader: AnswerReader,
  { body, close, onReceived, broken, ...limits }: Receiving,
): AsyncGenerator<ProviderEvent, void, undefined> {
  let isCut = false;
  let pieces = 0;
  let wasSure = false;
  let endsAt = Number.POSITIVE_INFINITY;
  try {
    while (!reader.done) {
      const waiting = body.next();
      const bytes = reader.finishing ? await unlessOver(waiting, { body, endsAt }) : await waiting;
      isCut = bytes === "over";
      if (bytes === "over" || bytes === undefined) break;
      const wasFinishing = reader.finishing;
      yield* reader.push(bytes);
      const { isSure } = reader;
      // Each reason begins the wait anew, unless nothing was said before it since the last one.
      if (!wasFinishing || reader.pieces > pieces || isSure !== wasSure) {
        endsAt = performance.now() + waitOf(reader, limits);
      }
      pieces = reader.pieces;
      wasSure = isSure;
    }
  } catch (error) {
    if (error instanceof ProviderError) throw error;
    // A connection that breaks behind the reason took nothing away from the answer, unless reasons
    // came with every piece.
    if (!reader.finishing || reader.hasGoneOn) throw broken(error);
  }
  if (isCut) close();
  onReceived();
  yield* reader.end({ isCut });
}

function waitOf(
  { isSure, hasGoneOn, isUnbegun }: AnswerReader,
  { endMs, unsureMs, goneOnMs }: Pick<Receiving, "endMs" | "unsureMs" | "goneOnMs">,
): number {
  if (isSure) return endMs;
  // Before the first word, a reason is no end of anything: the limit of the first word holds.
  if (isUnbegun) return Number.POSITIVE_INFINITY;
  return hasGoneOn ? goneOnMs : unsureMs;
}

/**
 * Waits for the next bytes, or until the provider has said nothing for long enough.
 *
 * A time-out alone does not mean that: where this process was busy, or waited for its own reader,
 * bytes may have come meanwhile that nobody has looked at. So it looks once more, and only then it is over.
 */
async function unlessOver(
  bytes: Promise<Uint8Array | undefined>,
  { body, endsAt }: { readonly body: DecodedBody; readonly endsAt: number },
): Promise<Uint8Array | undefined | "over"> {
  let timer: NodeJS.Timeout | undefined;
  let isSettled = false;
  const over = new Promise<"over">((resolve) => {
    const look = () =>
      afterNews(() => {
        // What is decoded may never be taken: without a wait, nobody looks for it.
        if (isSettled) return;
        if (body.isDecoding) look();
        else resolve("over");
      });
    if (endsAt !== Number.POSITIVE_INFINITY)
      timer = setTimeout(look, Math.max(0, endsAt - performance.now()));
  });
  // Once it is over nobody waits for what this becomes.
  bytes.catch(() => undefined);
  try {
    return await Promise.race([bytes, over]);
  } finally {
    isSettled = true;
    clearTimeout(timer);
  }
}

/** Calls back once all sockets have been looked at, and what came of it has been passed on. */
function afterNews(then: () => void): void {
  setImmediate(() => setImmediate(then));
}
