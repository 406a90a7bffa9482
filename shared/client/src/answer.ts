/**
 * What this client knows of one run: the text of its current attempt, and how it ended.
 *
 * Frames come from one connection after another, and for a moment from two at once, when a gateway
 * drains. So a piece is taken by its position alone: once, in order, and only of the latest attempt.
 * Whatever would leave a hole is refused, and with it all that follows until the run is read again
 * from the last good position; an end behind a hole would make half an answer look like a whole one.
 */
import { CancelledError, GatewayError } from "./gateway-error.ts";
import type { RunEvent, RunResult } from "./run-event.ts";
import { type Moves, moved } from "./states.ts";
import type { Down, DownFrame, Position } from "./wire.ts";

/** What one attempt has said so far. */
export interface Attempt {
  readonly epoch: number;
  readonly delta: string[];
  readonly reasoning: string[];
  /** The first of `delta` that is a refusal; what follows it belongs to that. */
  refusedAt?: number;
}

export type Kind = "delta" | "reasoning";

/** How a run ended. */
export type End = { readonly result: RunResult } | { readonly error: GatewayError };

type Piece = Down<Kind>;

/** More than a gateway keeps of a run (4 MiB), so that only a broken one gets there. */
const LONGEST_ANSWER = 8 * 1024 * 1024;

/**
 * - `following`: takes what comes next.
 * - `behind`: a piece was missing; nothing is taken until the run is read again.
 * - `ended`: has its result or its error, and takes nothing more.
 */
type State = "following" | "behind" | "ended";

const MOVES: Moves<State> = {
  following: ["behind", "ended"],
  behind: ["following", "ended"],
  ended: [],
};

export class Answer {
  #attempt: Attempt = { epoch: 0, delta: [], reasoning: [] };
  #end: End | undefined;
  #id = "";
  #at: Position = { epoch: 0, seq: 0 };
  #by: { provider: string; model: string } | undefined;
  #queued: Extract<RunEvent, { type: "queued" }> | undefined;
  #length = 0;
  #state: State = "following";
  #hasEndedAway = false;
  readonly #askedAt = performance.now();
  #firstTextMs: number | undefined;
  readonly #listeners = new Set<(event: RunEvent) => void>();
  #wake: () => void = () => undefined;
  #changed: Promise<void> | undefined;

  get attempt(): Attempt {
    return this.#attempt;
  }

  get end(): End | undefined {
    return this.#end;
  }

  /** The last position there is, to go on behind. */
  get at(): Position {
    return this.#at;
  }

  /** Resolves when there is anything new. */
  changed(): Promise<void> {
    this.#changed ??= new Promise((resolve) => {
      this.#wake = resolve;
    });
    return this.#changed;
  }

  /** Calls `listener` with every event from now on; answers those that bring it up to now, and the way out. */
  listen(listener: (event: RunEvent) => void): { past: RunEvent[]; stop: () => void } {
    this.#listeners.add(listener);
    return { past: this.#past(), stop: () => this.#listeners.delete(listener) };
  }

  accepted(run: string): void {
    this.#id = run;
    this.#emit({ type: "accepted", run });
  }

  reconnecting(): void {
    this.#emit({ type: "reconnecting" });
  }

  /**
   * What follows comes from the log, behind a position that was given.
   *
   * @param isOver the run has ended meanwhile; how, comes behind the rest of it
   */
  resumed(isOver = false): void {
    if (this.#state === "behind") this.#move("following");
    this.#hasEndedAway = isOver;
    this.#emit({ type: "resumed" });
  }

  /** Takes a frame of this run. Answers `false` where one before it is missing. */
  apply(frame: DownFrame): boolean {
    if (this.#state !== "following") return true;
    switch (frame.type) {
      case "queued":
        this.#queued = { type: "queued", position: frame.position, waitMs: frame.waitMs };
        this.#emit(this.#queued);
        break;
      case "restart":
        this.#begin(frame.epoch);
        break;
      case "started":
        this.#started(frame);
        break;
      case "delta":
      case "reasoning":
        return this.#piece(frame);
      case "done":
        this.#done(frame);
        break;
      case "error":
        this.fail(new GatewayError(frame.code, frame.message, frame));
        break;
      case "cancelled":
        this.fail(this.#hasEndedAway ? givenUp() : new CancelledError("The run was cancelled."));
        break;
    }
    return true;
  }

  /** Ends the run, unless it has ended. */
  fail(error: GatewayError): void {
    if (this.#state === "ended") return;
    this.#move("ended");
    this.#end = { error };
    this.#notify();
  }

  #begin(epoch: number): void {
    if (epoch <= this.#attempt.epoch) return;
    const hasShown = this.#length > 0;
    this.#attempt = { epoch, delta: [], reasoning: [] };
    this.#length = 0;
    if (hasShown) this.#emit({ type: "restarted" });
  }

  #started({ epoch, provider, model }: Down<"started">): void {
    // The position moves here and not with `restart`: a connection lost in between must bring this again.
    if (epoch <= this.#at.epoch) return;
    this.#begin(epoch);
    this.#at = { epoch, seq: 0 };
    this.#by = { provider, model };
    this.#emit({ type: "started", provider, model });
  }

  #piece(piece: Piece): boolean {
    const { type, epoch, seq, text } = piece;
    const { epoch: current, seq: last } = this.#at;
    if (epoch < this.#attempt.epoch || (epoch === current && seq <= last)) return true;
    if (epoch !== current || seq !== last + 1) {
      this.#move("behind");
      return false;
    }
    this.#at = { epoch, seq };
    this.#length += text.length;
    const isRefusal = piece.type === "delta" && piece.refusal === true;
    if (isRefusal) this.#attempt.refusedAt ??= this.#attempt.delta.length;
    this.#attempt[type].push(text);
    if (type === "delta") this.#firstTextMs ??= this.#elapsedMs();
    this.#emit(isRefusal ? { type: "delta", text, refusal: true } : { type, text });
    if (this.#length > LONGEST_ANSWER) {
      const message = `The answer is longer than ${LONGEST_ANSWER} characters.`;
      this.fail(new GatewayError("answer_too_large", message, { retryable: false }));
    }
    return true;
  }

  #done({ finish, usage, timings }: Down<"done">): void {
    const { delta, reasoning } = this.#attempt;
    const { provider = "", model = "" } = this.#by ?? {};
    const firstTextMs = this.#firstTextMs;
    const result: RunResult = {
      run: this.#id,
      text: delta.join(""),
      refused: this.#attempt.refusedAt !== undefined,
      reasoning: reasoning.join(""),
      provider,
      model,
      finish,
      usage,
      timings,
      seen: { ...(firstTextMs !== undefined && { firstTextMs }), totalMs: this.#elapsedMs() },
    };
    this.#move("ended");
    this.#end = { result };
    this.#emit({ type: "done", ...result });
  }

  #elapsedMs(): number {
    return Math.round(performance.now() - this.#askedAt);
  }

  #past(): RunEvent[] {
    const { delta, reasoning, refusedAt } = this.#attempt;
    const texts = {
      reasoning: reasoning.join(""),
      delta: delta.slice(0, refusedAt).join(""),
      refusal: refusedAt === undefined ? "" : delta.slice(refusedAt).join(""),
    };
    const end = this.#end && "result" in this.#end ? this.#end.result : undefined;
    return [
      ...(this.#id ? [{ type: "accepted", run: this.#id } as const] : []),
      ...(this.#queued ? [this.#queued] : []),
      ...(this.#by ? [{ type: "started", ...this.#by } as const] : []),
      ...(texts.reasoning ? [{ type: "reasoning", text: texts.reasoning } as const] : []),
      ...(texts.delta ? [{ type: "delta", text: texts.delta } as const] : []),
      ...(texts.refusal ? [{ type: "delta", text: texts.refusal, refusal: true } as const] : []),
      ...(end ? [{ type: "done", ...end } as const] : []),
    ];
  }

  #move(to: State): void {
    this.#state = moved(MOVES, this.#state, to);
  }

  #emit(event: RunEvent): void {
    for (const listener of this.#listeners) listener(event);
    this.#notify();
  }

  #notify(): void {
    this.#changed = undefined;
    this.#wake();
  }
}

/**
 * The gateway cancels a run whose client stays away. To its user that is a failure, which an error by the
 * name of an abort would hide: programs pass over those, as wishes of the user's own.
 */
function givenUp(): GatewayError {
  const message = "The run was cancelled while this client was away; it may be asked again.";
  return new GatewayError("run_lost", message, { retryable: true });
}
