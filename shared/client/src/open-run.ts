/** A run that has not ended, as connections have it. */
import { Answer } from "./answer.ts";
import type { Question } from "./check.ts";
import { CancelledError, GatewayError } from "./gateway-error.ts";
import { randomId } from "./random-id.ts";
import { after } from "./timer.ts";
import { type UpFrame, utf8Length } from "./wire.ts";

/** As much of a connection as a run needs: it carries the run's requests and frames. */
export interface RunCarrier {
  send(frame: UpFrame): void;
  forget(run: OpenRun): void;
}

export interface OpenRunOptions {
  /** This client's own name for it. */
  readonly ref: string;
  readonly question: Question;
  readonly session: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Called once. */
  readonly onEnded: (run: OpenRun) => void;
}

/** Servers and networks fail; a request that they fail with again and again may be why. */
const LOST_BY_CHANCE = 2;

export class OpenRun {
  readonly answer = new Answer();
  readonly #options: OpenRunOptions;
  readonly #stopDeadline: () => void;
  /** What it is to be called at the gateway, which so begins it only once, however often it is sent. */
  chosenId = randomId();
  /** What it is called there, once it was accepted. */
  id: string | undefined;
  /** Why it was not begun again, where that may mean that it was begun before. */
  refusal: GatewayError | undefined;
  /** The connection that brings its frames. */
  via: RunCarrier | undefined;
  /** The connection that was last asked for it, or to go on with it. */
  asked: RunCarrier | undefined;
  /** How often it was sent without being accepted or refused. */
  sent = 0;
  /** A gateway closed a connection, saying that it was sent what it cannot take, when this had been asked for. */
  isBlamed = false;
  /** How often a piece of it was missing. */
  holes = 0;
  /** Since when the gateway has said "not now"; on the monotonic clock. */
  refusedAt: number | undefined;

  constructor(options: OpenRunOptions) {
    this.#options = options;
    const { timeoutMs, signal } = options;
    this.#stopDeadline = after(timeoutMs, () => this.#timeOut());
    signal?.addEventListener("abort", this.#onAbort);
    if (signal?.aborted) this.#onAbort();
  }

  get ref(): string {
    return this.#options.ref;
  }

  get session(): string {
    return this.#options.session;
  }

  get isEnded(): boolean {
    return this.answer.end !== undefined;
  }

  /** Whether a gateway may be at work on it: it has taken the run, or not said what became of it. */
  get mayHaveBegun(): boolean {
    return this.id !== undefined || this.sent > 0;
  }

  /** Whether it may be the reason why connections broke before they took it. */
  get isSuspect(): boolean {
    return this.id === undefined && (this.isBlamed || this.sent >= LOST_BY_CHANCE);
  }

  /** UTF-8 bytes of what is asked. */
  get bytes(): number {
    const { prompt } = this.#options.question;
    const texts = typeof prompt === "string" ? [prompt] : prompt.map(({ content }) => content);
    return texts.reduce((sum, text) => sum + utf8Length(text), 0);
  }

  /** What to ask of a connection that belongs to `session`. */
  request(session: string): UpFrame {
    const owner = this.session === session ? {} : { session: this.session };
    if (this.id !== undefined) {
      return { type: "resume", run: this.id, after: this.answer.at, ...owner };
    }
    const { ref, question } = this.#options;
    const { prompt, provider, options } = question;
    return {
      type: "run",
      ref,
      run: this.chosenId,
      ...(typeof prompt === "string" ? { message: prompt } : { messages: prompt }),
      provider,
      options,
      ...owner,
    };
  }

  /** Ends it from here: its readers are told at once, and the gateway, if it can be. */
  fail(error: GatewayError): void {
    if (this.isEnded) return;
    this.answer.fail(error);
    // It has the name that was chosen here also before the gateway has said so. Without a connection the
    // gateway finds out by itself: it keeps a run for 10 s without its client.
    if (this.mayHaveBegun) {
      const run = this.id ?? this.chosenId;
      (this.via ?? this.asked)?.send({ type: "cancel", run, session: this.session });
    }
    this.ended();
  }

  cancel(cause?: unknown): void {
    this.fail(new CancelledError("The run was cancelled here.", { cause }));
  }

  /** Called once its last frame has been applied. */
  ended(): void {
    this.#stopDeadline();
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#options.onEnded(this);
  }

  readonly #onAbort = (): void => this.cancel(this.#options.signal?.reason);

  #timeOut(): void {
    const message = `The answer took longer than the ${this.#options.timeoutMs} ms it was given.`;
    this.fail(new GatewayError("timeout", message, { retryable: true }));
  }
}
