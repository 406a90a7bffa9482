/** The runs of one socket: who asked for what on it, and whose each frame is. */
import { GatewayError } from "./gateway-error.ts";
import type { OpenRun, RunCarrier } from "./open-run.ts";
import { randomId } from "./random-id.ts";
import { Socket, type SocketOptions } from "./socket.ts";
import { type Moves, moved } from "./states.ts";
import { type Down, type DownFrame, type Limits, type UpFrame, utf8Length } from "./wire.ts";

export interface ConnectionOptions extends SocketOptions {
  readonly address: string;
}

export interface ConnectionEvents {
  onReady(): void;
  /** The gateway is about to leave: everything open goes elsewhere, while this goes on for a moment. */
  onDraining(): void;
  /** A run needs to be asked for again. */
  onAdrift(run: OpenRun): void;
  /** The gateway cannot take it at this moment. */
  onNotNow(run: OpenRun, reason: GatewayError): void;
  /** A run that ended here held its place until now, when the gateway answered. */
  onRoom(): void;
  onClosed(code: number, why?: string): void;
}

/** PROTOCOL.md: a frame has twice `maxMessageBytes` at most, and may always have as many bytes. */
const LEAST_FRAME_BYTES = 16 * 1024;
/** A gateway that leaves the same hole three times will do so a fourth time. */
const MOST_HOLES = 3;
/** Refusals of a request that say nothing about it: the same may succeed in a moment. */
const NOT_NOW: ReadonlySet<string> = new Set(["draining", "unavailable", "too_many_runs"]);
/** Close codes of RFC 6455 by which the other side says that it was sent what it cannot take. */
const OUR_FAULT: ReadonlySet<number> = new Set([1002, 1003, 1007, 1008, 1009]);

/**
 * - `open`: takes runs.
 * - `leaving`: takes no more runs, and closes behind its last one: the gateway drains, or the connection was made for
 *   one run alone.
 * - `closed`: its socket is gone, and its runs go elsewhere.
 */
type State = "open" | "leaving" | "closed";

const MOVES: Moves<State> = { open: ["leaving", "closed"], leaving: ["closed"], closed: [] };

export class Connection implements RunCarrier {
  readonly #socket: Socket;
  /** To whom the gateway says that this connection belongs. */
  #session = "";
  readonly #events: ConnectionEvents;
  /** Asked for and not yet accepted, by their own names. One that ended here holds its place until then. */
  readonly #pending = new Map<string, OpenRun>();
  readonly #runs = new Map<string, OpenRun>();
  #limits: Limits = { maxMessageBytes: 0, maxRuns: 0 };
  #state: State = "open";

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#events = events;
    this.#socket = new Socket(options.address, options, {
      onReady: ({ limits: { maxMessageBytes, maxRuns }, session }) => {
        this.#limits = { maxMessageBytes, maxRuns };
        this.#session = session;
        events.onReady();
      },
      onFrame: (frame) => {
        this.#onFrame(frame);
        this.#settle();
      },
      onClosed: (code, why) => this.#onClosed(code, why),
    });
  }

  /** Serves one run alone, and closes behind it. */
  askAlone(run: OpenRun): void {
    this.#move("leaving");
    this.ask(run);
  }

  get isIdle(): boolean {
    return this.#pending.size + this.#runs.size === 0;
  }

  get hasRoom(): boolean {
    return this.#pending.size + this.#runs.size < this.#limits.maxRuns;
  }

  /** Starts a run, or goes on with one behind what is known of it. */
  ask(run: OpenRun): void {
    const request = run.request(this.#session);
    const tooLong = run.id === undefined ? this.#tooLong(run, request) : undefined;
    if (tooLong) {
      // The gateway would close the socket over it, under all other runs.
      run.fail(new GatewayError("message_too_long", tooLong, { retryable: false }));
      return;
    }
    run.asked = this;
    if (run.id === undefined) {
      run.sent += 1;
      this.#pending.set(run.ref, run);
    } else this.#runs.set(run.id, run);
    this.send(request);
    this.#settle();
  }

  /** Why the gateway would not take it; undefined where it will. */
  #tooLong(run: OpenRun, request: UpFrame): string | undefined {
    const { maxMessageBytes } = this.#limits;
    if (run.bytes > maxMessageBytes) {
      return `The messages are longer than the ${maxMessageBytes} bytes this gateway takes.`;
    }
    const most = Math.max(LEAST_FRAME_BYTES, 2 * maxMessageBytes);
    // Quotes and control characters take more in JSON, and so do many short messages.
    if (utf8Length(JSON.stringify(request)) <= most) return undefined;
    return `As JSON the request is longer than the ${most} bytes of a frame that this gateway takes.`;
  }

  send(frame: UpFrame): void {
    this.#socket.send(frame);
  }

  /** A run has ended, or goes on elsewhere. */
  forget(run: OpenRun): void {
    if (run.id !== undefined) this.#runs.delete(run.id);
    this.#settle();
  }

  close(): void {
    this.#socket.close();
  }

  /** One that leaves is closed behind its last run. */
  #settle(): void {
    this.#socket.watch(!this.isIdle);
    if (this.#state === "leaving" && this.isIdle) this.close();
  }

  #onFrame(frame: DownFrame): void {
    switch (frame.type) {
      case "accepted":
        this.#onAccepted(frame);
        return;
      case "resumed":
        this.#onResumed(frame);
        return;
      case "draining":
        this.#leave();
        return;
      case "error":
        if (frame.ref !== undefined && frame.run === undefined) this.#onRefused(frame.ref, frame);
        break;
    }
    const run = "run" in frame && frame.run !== undefined && this.#runs.get(frame.run);
    if (!run) return;
    try {
      if (!run.answer.apply(frame)) this.#readAgain(run);
      else if (run.isEnded) run.ended();
    } catch {
      // A frame without what its type has costs the run that it is of, and no other.
      run.fail(broken("The gateway sent a frame of the run that the protocol does not have."));
    }
  }

  #onAccepted({ ref, run: id }: Down<"accepted">): void {
    const run = this.#pending.get(ref);
    this.#pending.delete(ref);
    if (!run) return;
    if (run.isEnded) {
      this.#events.onRoom();
      return;
    }
    run.id = id;
    run.via = this;
    run.refusedAt = undefined;
    this.#runs.set(id, run);
    run.answer.accepted(id);
    if (this.#state === "leaving") this.#events.onAdrift(run);
  }

  #onRefused(ref: string, { code, message, ...more }: Down<"error">): void {
    const run = this.#pending.get(ref);
    this.#pending.delete(ref);
    if (!run) return;
    if (run.isEnded) {
      this.#events.onRoom();
      return;
    }
    // It is known not to have begun.
    run.sent -= 1;
    const error = new GatewayError(code, message, more);
    if (NOT_NOW.has(code)) {
      // A gateway that refused a run after all may have made it known, and ends it. Where another one
      // may have begun with it, only its old id keeps it from being begun twice.
      if (run.sent === 0) run.chosenId = randomId();
      this.#notNow(run, error);
    } else if (code === "invalid_request" && run.sent > 0) this.#adopt(run, error);
    else run.fail(error);
  }

  /** It was sent before, to a connection that was lost; its id being taken, it was begun there. */
  #adopt(run: OpenRun, refusal: GatewayError): void {
    run.id = run.chosenId;
    run.refusal = refusal;
    this.ask(run);
  }

  #onResumed({ run: id, outcome, reason = "unavailable" }: Down<"resumed">): void {
    const run = this.#runs.get(id);
    if (!run) return;
    if (outcome !== "not_resumable") {
      if (run.refusal) run.answer.accepted(id);
      run.refusal = undefined;
      const before = run.via;
      run.via = this;
      run.refusedAt = undefined;
      if (before !== this) before?.forget(run);
      run.answer.resumed(outcome === "complete");
      return;
    }
    switch (reason) {
      case "already_resuming":
        // That one will be answered.
        return;
      case "unknown_run":
      case "unknown_position":
      case "too_many_readers": {
        const message = "The gateway cannot go on with this run any more; it may be asked again.";
        run.fail(run.refusal ?? new GatewayError("run_lost", message, { retryable: true }));
        return;
      }
      default:
        this.#runs.delete(id);
        this.#notNow(run, notNow(reason));
    }
  }

  #notNow(run: OpenRun, error: GatewayError): void {
    if (error.code === "draining") this.#leave();
    this.#events.onNotNow(run, error);
  }

  #leave(): void {
    if (this.#state !== "open") return;
    this.#move("leaving");
    this.#events.onDraining();
    for (const run of this.#runs.values()) this.#events.onAdrift(run);
  }

  /** A piece is missing. Guessing is out of the question: the run is read again behind the last good one. */
  #readAgain(run: OpenRun): void {
    run.holes += 1;
    if (run.holes < MOST_HOLES) this.ask(run);
    else run.fail(broken("A piece of the answer was missing, again and again."));
  }

  #move(to: State): void {
    this.#state = moved(MOVES, this.#state, to);
  }

  #onClosed(code: number, why: string | undefined): void {
    this.#move("closed");
    this.#events.onClosed(code, why);
    const isOver = !comesBack(code);
    const isOurs = OUR_FAULT.has(code);
    for (const run of [...this.#pending.values(), ...this.#runs.values()]) {
      if (run.via === this) run.via = undefined;
      // One that was asked for elsewhere goes on there.
      if (run.isEnded || run.asked !== this) continue;
      // The second time, it was alone on its connection.
      const isProven = isOurs && run.isBlamed && run.id === undefined;
      run.isBlamed ||= isOurs;
      if (!isOver && !isProven) this.#events.onAdrift(run);
      else run.fail(broken(`The gateway closed the connection with code ${code}.`));
    }
    this.#pending.clear();
    this.#runs.clear();
  }
}

/** Whether a close code lets the client try again: all do but the gateway's own that say not to. */
export function comesBack(code: number): boolean {
  return code < 4500 || code > 4999;
}

function broken(message: string): GatewayError {
  return new GatewayError("connection_refused", message, { retryable: false });
}

function notNow(reason: "draining" | "overloaded" | "too_many_runs" | "unavailable"): GatewayError {
  return new GatewayError(reason, `The gateway could not go on with the run: ${reason}.`, {
    retryable: true,
  });
}
