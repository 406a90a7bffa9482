/**
 * Reads an answer off the network until it is over: at its end marker or at the end of the body. A provider may leave
 * the connection open. Then the answer is over when nothing came for a while behind its finish reason.
 */
import { ProviderError } from "../contract/provider-error.ts";
import type { ProviderEvent } from "../contract/provider-event.ts";
import type { DecodedBody } from "../transport/content-encoding.ts";
import type { AnswerReader } from "./answer-reader.ts";

export interface Receiving {
  readonly body: DecodedBody;
  /** The longest wait for usage and the end marker behind a sure reason. */
  readonly endMs: number;
  /** The longest wait behind a reason that may come with every piece: the next piece may follow. */
  readonly unsureMs: number;
  /** The longest wait if reasons do come with every piece: only silence means the end. */
  readonly goneOnMs: number;
  /** Closes the connection. */
  readonly close: () => void;
  /** The exchange is over. The answer is judged next. */
  readonly onReceived: () => void;
  /** Makes an error of what the connection failed with. */
  readonly broken: (error: unknown) => unknown;
}

type Limits = Pick<Receiving, "endMs" | "unsureMs" | "goneOnMs">;

/** @throws ProviderError for everything that keeps the answer from being complete */
export async function* receiveAnswer(
  reader: AnswerReader,
  { body, close, onReceived, broken, ...limits }: Receiving,
): AsyncGenerator<ProviderEvent, void, undefined> {
  const wait = new EndWait(reader, limits);
  let isCut = false;
  try {
    while (!reader.isDone) {
      const waiting = body.next();
      const bytes = reader.ending.isFinishing
        ? await unlessOver(waiting, { body, endsAt: wait.endsAt })
        : await waiting;
      isCut = bytes === "over";
      if (bytes === "over" || bytes === undefined) break;
      const wasFinishing = reader.ending.isFinishing;
      yield* reader.push(bytes);
      wait.update(wasFinishing);
    }
  } catch (error) {
    if (error instanceof ProviderError) throw error;
    const { isFinishing, hasGoneOn } = reader.ending;
    // A connection that breaks behind the reason took nothing from the answer, unless reasons come with every
    // piece.
    if (!isFinishing || hasGoneOn) throw broken(error);
  }
  if (isCut) close();
  onReceived();
  yield* reader.end({ isCut });
}

/** The wait for the end of an answer behind its reason. */
class EndWait {
  readonly #reader: AnswerReader;
  readonly #limits: Limits;
  #endsAt = Number.POSITIVE_INFINITY;
  #pieces = 0;
  #wasSure = false;

  constructor(reader: AnswerReader, limits: Limits) {
    this.#reader = reader;
    this.#limits = limits;
  }

  /** When the answer is over if nothing comes, by `performance.now()`. */
  get endsAt(): number {
    return this.#endsAt;
  }

  /** Bytes came. A reason starts the wait again, unless only reasons came since the last one. */
  update(wasFinishing: boolean): void {
    const { pieces, ending } = this.#reader;
    const { isSure } = ending;
    if (!wasFinishing || pieces > this.#pieces || isSure !== this.#wasSure) {
      this.#endsAt = performance.now() + this.#waitMs();
    }
    this.#pieces = pieces;
    this.#wasSure = isSure;
  }

  #waitMs(): number {
    const { ending, isUnbegun } = this.#reader;
    const { endMs, unsureMs, goneOnMs } = this.#limits;
    if (ending.isSure) return endMs;
    // A reason before the first word is not an end. The limit of the first word holds.
    if (isUnbegun) return Number.POSITIVE_INFINITY;
    return ending.hasGoneOn ? goneOnMs : unsureMs;
  }
}

/**
 * Waits for the next bytes, or until the provider was silent for long enough.
 *
 * A timer alone does not show silence. While this process was busy, or waited for its own reader, bytes may have
 * arrived unread. So the timer checks for them once more before the answer is over.
 */
async function unlessOver(
  bytes: Promise<Uint8Array | undefined>,
  { body, endsAt }: { readonly body: DecodedBody; readonly endsAt: number },
): Promise<Uint8Array | undefined | "over"> {
  let timer: NodeJS.Timeout | undefined;
  let isSettled = false;
  const over = new Promise<"over">((resolve) => {
    const check = () =>
      afterPoll(() => {
        if (isSettled) return;
        // Decoding takes more than one turn of the event loop.
        if (body.isDecoding) check();
        else resolve("over");
      });
    if (endsAt !== Number.POSITIVE_INFINITY)
      timer = setTimeout(check, Math.max(0, endsAt - performance.now()));
  });
  // Once the answer is over, nothing awaits `bytes`, which may still reject.
  bytes.catch(() => undefined);
  try {
    return await Promise.race([bytes, over]);
  } finally {
    isSettled = true;
    clearTimeout(timer);
  }
}

/** Calls back once the event loop has polled all sockets and passed on what they had. */
function afterPoll(then: () => void): void {
  setImmediate(() => setImmediate(then));
}
